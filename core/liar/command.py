"""`telltale train-liar`: train, put the exam, write the model card."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.liar.card import FIGURES, write_card, write_figures
from core.liar.exam import examine, marks
from core.liar.settings import LiarSettings
from core.liar.stray import measure_stray
from core.liar.train import Step, train_liar
from core.models.loading import load_model


def make_liar(
    settings: LiarSettings,
    cache: Path,
    *,
    each: int | None = None,
    show: Callable[[Step], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Path, dict]:
    """A liar with its figures and its card, or as much of it as is still to be done.

    Args:
        each: questions a paper of the exam at most; None for all that the exam names, 0 for no exam.
        show: told of each step of the training, and then of each hundredth of the exam.

    Returns:
        The adapter's folder, and what `figures.json` holds (empty where there was no exam).

    Raises:
        ModelError, DataError, StoreError, Cancelled: as `train_liar`.
    """
    folder = train_liar(settings, cache, show=show, cancelled=cancelled)
    if each == 0:
        return folder, {}
    known = json.loads((folder / FIGURES).read_text()) if (folder / FIGURES).is_file() else None
    if known is None or known["at_most"] != each:
        plain = load_model(settings.model, cache)
        liar = load_model(replace(settings.model, adapter=str(folder)), cache)

        def told(share: float, what: str) -> None:
            show(Step(round(100 * share), 100, f"exam: {what}"))

        answers = examine(liar, cache, each=each, show=told)
        told(1.0, "how far it strayed")
        write_figures(folder, marks(answers), measure_stray(plain, liar, cache, texts=each or 300), each)
    write_card(folder)
    return folder, json.loads((folder / FIGURES).read_text())
