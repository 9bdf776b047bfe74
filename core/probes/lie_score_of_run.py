"""The lie score on stored runs: answers, decisions and states brought together, what was fitted kept.

Only the read scores are kept: layer, centring and belief change nothing of them, so that another choice of
these is answered at once.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.errors import ProbeError
from core.probes.lie_judgements import Judgement, beside, judge, sentence
from core.probes.lie_score import LieScoreSettings, States, answers_to_score, layers_read, lie_scores
from core.probes.of_run import drops_of, with_states
from core.probes.read_scores import ReadScores, read_scores
from core.store.runs import Run, RunStore

VERSION = 2


@dataclass(frozen=True, eq=False)
class LieScoreReport:
    """The lie scores of a run and what they tell apart.

    Attributes:
        scores: see `lie_scores`.
        layers: how many of the folds were scored at which layer.
        no_choice: answers, by mode, in which no choice was said, and that have no lie score.
        belief_unsure: answers under lie that are neither lies nor failed lies, as it is unsure what the model
            believes.
        constant: whether the run has one choice order and one demonstration set under honest.
    """

    settings: LieScoreSettings
    scores: pd.DataFrame
    judgements: tuple[Judgement, ...]
    layers: Mapping[int, int]
    no_choice: Mapping[str, int]
    belief_unsure: int
    constant: bool

    def __repr__(self) -> str:
        return f"LieScoreReport: {len(self.scores):,} answers, {self.at_layers}. {self.sentence}"

    def to_frame(self) -> pd.DataFrame:
        """One row an answer, see `lie_scores`."""
        return self.scores

    @property
    def sentence(self) -> str:
        """What it comes to, in plain words."""
        return sentence(self.judgements)

    @property
    def beside(self) -> str:
        """The words alone, and lies against failed lies, in plain words."""
        return beside(self.judgements)

    @property
    def at_layers(self) -> str:
        """The layers that were read, in words."""
        if len(self.layers) == 1:
            return f"layer {next(iter(self.layers))}"
        folds = sum(self.layers.values())
        return "layers " + ", ".join(f"{layer} ({n} of {folds} folds)" for layer, n in self.layers.items())


def lie_score_of_run(
    store: RunStore,
    run: str,
    settings: LieScoreSettings,
    flip_run: str | None = None,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> LieScoreReport:
    """The lie scores of a run; at once where its answers were read at this position before.

    Args:
        flip_run: another run of the same model, template and source, for its answers under `flip`.

    Raises:
        ProbeError, StoreError: see `read_scores`, `lie_scores` and `RunStore`; the runs do not fit together.
        Cancelled: `cancelled` said so.
    """
    record, other = _records(store, run, flip_run)
    frame, states = _answers(store, record, other, settings)
    path = _path(store, record, other, settings)
    read: ReadScores | None = load_derived(path)
    if read is None:
        with threadpool_limits(1, user_api="blas"):
            read = read_scores(
                frame,
                states,
                record.facts["layers"],
                settings.seed,
                progress=progress,
                cancelled=cancelled,
            )
        keep_derived(read, path)
    return _report(frame, read, settings)


def _report(frame: pd.DataFrame, read: ReadScores, settings: LieScoreSettings) -> LieScoreReport:
    """What the read scores of these answers come to."""
    scores = lie_scores(frame, read, settings)
    silent = frame.loc[frame["said"].isna(), "mode"].value_counts()
    arms = frame.loc[read.trains, ["order", "demo_set"]].drop_duplicates()
    return LieScoreReport(
        settings,
        scores,
        judge(scores),
        Counter(sorted(layers_read(read, settings))),
        {str(mode): int(silent.get(mode, 0)) for mode in frame["mode"].unique()},
        int(((scores["mode"] == "lie") & (scores["kind"] == "")).sum()),
        len(arms) == 1,
    )


def known_lie_score(
    store: RunStore, run: str, settings: LieScoreSettings, flip_run: str | None = None
) -> LieScoreReport | None:
    """The report where the answers were read at this position before, else None; fits nothing.

    Raises:
        ProbeError, StoreError: as `lie_score_of_run`.
    """
    record, other = _records(store, run, flip_run)
    read: ReadScores | None = load_derived(_path(store, record, other, settings))
    return None if read is None else _report(_answers(store, record, other, settings)[0], read, settings)


def read_scores_path(
    store: RunStore, run: str, settings: LieScoreSettings, flip_run: str | None = None
) -> Path:
    """Where the read scores of a run are kept, whether they are there or not: its answers are not looked at.

    Raises:
        ProbeError, StoreError: as `lie_score_of_run`.
    """
    return _path(store, *_records(store, run, flip_run), settings)


def may_give_flips(run: Run, other: Run) -> bool:
    """Whether another run's flips can stand beside a run's lies: same model, adapter, template and source."""
    return "flip" in other.settings["modes"] and not other.facts.get("open") and _mismatch(run, other) is None


def _records(store: RunStore, run: str, flip_run: str | None) -> tuple[Run, Run | None]:
    record = store.run(run)
    if record.facts.get("open"):
        raise ProbeError("this run asked open questions: the lie score is of choices alone")
    other = store.run(flip_run) if flip_run else None
    if other is None or other.run == record.run:
        return record, None
    if (what := _mismatch(record, other)) is not None:
        raise ProbeError(
            f"runs {record.run} and {other.run} have another {what}: flips must come from the same model, "
            "adapter, template and source as the lies"
        )
    return record, other


def _answers(
    store: RunStore, record: Run, other: Run | None, settings: LieScoreSettings
) -> tuple[pd.DataFrame, States]:
    """The answers that get a read score, and a reader of their states."""
    flips = (None, None) if other is None else with_states(store, other.run, settings.position)
    return answers_to_score(*with_states(store, record.run, settings.position), *flips)


def _mismatch(run: Run, other: Run) -> str | None:
    """What of two runs differs that must not."""
    if run.facts["model_content"] != other.facts["model_content"]:
        return "model or adapter"
    if run.settings["template"] != other.settings["template"]:
        return "template"
    return None if run.asks_alike(other) else "source"


def _path(store: RunStore, run: Run, other: Run | None, settings: LieScoreSettings) -> Path:
    parts: list[object] = [VERSION, settings.position, settings.seed]
    for record in (run, other):
        if record is not None:
            parts.append((record.run, record.answers, drops_of(store, record.run)))
    return derived_path(store.cache, "lie_score", parts)
