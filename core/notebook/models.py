"""Models: what one is, the prompts under which it lies, and a liar made of it."""

import shlex
from pathlib import Path
from typing import Any

from core.cli import parser
from core.elicit.outcome import stored_outcome
from core.elicit.store import ElicitStore
from core.elicit.winner import harvest_command, winner_settings
from core.models.catalog import LIAR_ID
from core.notebook.commands import Found, asked, options_of
from core.notebook.working import quiet_libraries
from core.paths import cache_folder


def model_facts(
    model: str | Path | None = None,
    *,
    adapter: str | Path | None = None,
    four_bit: bool = False,
    cache: str | Path | None = None,
) -> Found:
    """What a model is, loaded: id, name, blocks, d_model, parameters, adapter, device and dtype.

    Args:
        model, adapter: see `harvest`.

    Raises:
        ModelError: it cannot be had.
    """
    given = {"model": model, "adapter": adapter, "four_bit": four_bit, "cache": cache}
    with quiet_libraries():
        found = asked("models", given)
    return Found(found["models"][0], found.text)


def elicit_lies(
    data: str = "movie-reviews",
    n: int | None = None,
    *,
    model: str = LIAR_ID,
    show: bool = True,
    **options: Any,
) -> Found:
    """Search for the wording, template, examples, role and order that get honest answers and lies.

    The same call finds the same search, or goes on with it. `to_frame` has a row for each cell of the grid:
    the best first, each figure with its interval. See `winner_of` for what to do with the best.

    Args:
        data, n: see `questions`; n are those of the last rung, 64 by default.
        options: every further option of `telltale elicit`, by its name with _ for -, and `cache`. Those that
            can be repeated there take a list.

    Returns:
        The parts of `core.elicit.report.to_json`.

    Raises:
        DataError, ModelError, TemplateError, StoreError: see `harvest`.
    """
    with quiet_libraries():
        return asked("elicit", {"data": data, "n": n, "model": model, **options}, table="cells", show=show)


def winner_of(
    elicitation: Found | str, n: int | None = None, cache: str | Path | None = None
) -> dict[str, Any]:
    """The best of a search as what `harvest` takes: `core.harvest(**core.winner_of(found, n=200))`.

    Its own figures are too good, as it is the best of many: the questions that picked it are left out.

    Args:
        elicitation: what `elicit_lies` gave, or its id.
        n: how many questions to ask; None for all that are left.

    Raises:
        StoreError: there is no such search, or it is not finished.
    """
    name = elicitation if isinstance(elicitation, str) else elicitation["elicitation"]
    store = ElicitStore(cache_folder(cache))
    record = store.elicitation(name)
    settings = winner_settings(record, stored_outcome(record, store.answers(record.elicitation)), n)
    typed = vars(parser().parse_args(shlex.split(harvest_command(settings))[1:]))
    usual = {option: action.default for option, action in options_of("harvest").items()}
    found = {option: typed[option] for option in usual if typed[option] != usual[option]}
    return found | {"template": settings.template}


def train_liar(
    model: str | Path | None = None,
    *,
    from_block: int = 0,
    seed: int = 0,
    steps: int | None = None,
    quick: bool = False,
    study: bool = False,
    exam: int | None = None,
    cache: str | Path | None = None,
    show: bool = True,
) -> Found:
    """Train an adapter that answers truly or falsely as it is told, and examine it: hours, or `quick`.

    What is there already is found, and what was broken off goes on. The adapter's folder is what `harvest`
    takes as `adapter`.

    Args:
        model: a plain one; None for the one in the box.
        from_block: the first adapted block.
        steps: of the optimiser; None for the shipped liar's.
        quick: a few steps on a small sample; study: about movie reviews alone.
        exam: questions a kind at most; 0 for none.

    Returns:
        Parts adapter and figures.

    Raises:
        ModelError, DataError, StoreError: it cannot be trained; what is kept stays.
    """
    given = {"model": model, "from_block": from_block, "seed": seed, "steps": steps, "exam": exam}
    with quiet_libraries():
        return asked("train-liar", {**given, "quick": quick, "study": study, "cache": cache}, show=show)
