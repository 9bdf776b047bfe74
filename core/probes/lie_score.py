"""The lie score: how far what is said departs from what an early probe, trained on honest answers, reads.

    lie score = -(what is said, as 1 or -1) · (read score of the truth, standardised)

It is high where the probe reads the truth one way and the model says the other. No lie is needed to make it:
the probe is trained on honest answers, and its layer chosen without lie labels. Beside it stands the same
score with a classifier of the question's words (TF-IDF) in place of the probe.

Centring says what is taken off the read score before it meets what is said:

- `none`: nothing. Zero is the mean of the honest answers that the probe was trained on.
- `per-mode`: the mean of answers of the same mode in the other folds, whose labels are not looked at. It
  needs many answers of a mode, and to know their mode: a single answer of unknown origin has neither.
- `single`: what one answer can be corrected by alone, the offset of its own template: the mean of the honest
  training answers with the same choice order and demonstrations. In a run with one of each this is `none`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import ProbeError
from core.probes.read_scores import FOLDS, ReadScores
from core.probes.rows import merged_groups, undropped

CENTRINGS = {
    "none": "no centring",
    "per-mode": "the mean of unlabelled answers of the mode is taken off",
    "single": "the offset of the answer's own choice order and demonstrations is taken off",
}
MODES = ("honest", "lie", "flip")
ARM = ("order", "demo_set")
KINDS = ("lie", "failed lie", "honest, right", "honest error", "flip")

States = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class LieScoreSettings:
    """How the lie score is made.

    Attributes:
        layer: None has the rule choose one for each fold.
        rule: one of `core.probes.layer_rules.NO_LIES_USED`.
        centring: one of `CENTRINGS`.
        seed: of the folds.
    """

    position: str = "prompt"
    layer: int | None = None
    rule: str = "agreement"
    centring: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.centring not in CENTRINGS:
            raise ProbeError(f"unknown centring {self.centring!r}: choose {', '.join(CENTRINGS)}")


def answers_to_score(
    frame: pd.DataFrame, states: States, flips: pd.DataFrame | None = None, flip_states: States | None = None
) -> tuple[pd.DataFrame, States]:
    """The answers that get a read score, and their states: of the run, and the flips of another.

    Of each prompt one answer, those dropped in all data left out.

    Args:
        frame: a run's labelled answers (see `core.labels`); row i is row i of the states.
        flips, flip_states: another run's; its answers under `flip` take the place of this run's own, and its
            groups are merged with this run's where texts are near-duplicates.

    Returns:
        One row an answer, with `other_run` beside the frame's columns; a reader of states by layer.

    Raises:
        ProbeError: a mode is missing.
    """
    for mode in ("honest", "lie"):
        if not (frame["mode"] == mode).any():
            raise ProbeError(f"the run has no {mode} answers: harvest it in both modes, honest and lie")
    if flips is None or flip_states is None:
        rows = undropped(frame, MODES)
        return frame.iloc[rows].assign(other_run=False).reset_index(drop=True), lambda n: states(n)[rows]
    if not (flips["mode"] == "flip").any():
        raise ProbeError("the run named for its flips has no answers under flip: harvest it with --mode flip")
    here, there = merged_groups(frame, flips)
    rows, others = undropped(frame, ("honest", "lie")), undropped(flips, ("flip",))
    own = frame.assign(group=here, other_run=False).iloc[rows]
    both = pd.concat([own, flips.assign(group=there, other_run=True).iloc[others]], ignore_index=True)
    reader = flip_states
    return both, lambda n: np.concatenate([states(n)[rows], reader(n)[others]])


def layers_read(read: ReadScores, settings: LieScoreSettings) -> tuple[int, ...]:
    """The layer that each fold's answers are scored at.

    Raises:
        ProbeError: no such layer; or see `ReadScores.layers`.
    """
    if settings.layer is None:
        return read.layers(settings.rule)
    last = len(read.scores) - 1
    if not 0 <= settings.layer <= last:
        raise ProbeError(f"there is no layer {settings.layer}: choose 0 to {last}")
    return (settings.layer,) * FOLDS


def lie_scores(frame: pd.DataFrame, read: ReadScores, settings: LieScoreSettings) -> pd.DataFrame:
    """The lie score of each answer in which a choice was said.

    Args:
        frame: what `answers_to_score` gave, and `read` was made of.

    Returns:
        Columns answer, other_run, question, group, mode, label, said, lie, cell (mode and right or false),
        kind (of `KINDS`; empty for what is none, such as an answer under lie whose belief is unsure), fold,
        layer, read (standardised, centred), score, text_read and text_score (NaN where words teach nothing).

    Raises:
        ProbeError: see `layers_read`; or an answer has nothing to be centred by.
    """
    layers = layers_read(read, settings)
    by_fold = np.array([read.scores[layer, f] for f, layer in enumerate(layers)], dtype=np.float64)
    right = (frame["said"] == frame["label"]).map({True: "right", False: "false"})
    made = frame[["answer", "other_run", "question", "group", "mode", "label", "said", "lie"]].assign(
        cell=frame["mode"] + ", " + right,
        kind=_kinds(frame),
        fold=read.fold,
        layer=np.array(layers)[read.fold],
        read=_centred(by_fold, frame, read, settings.centring),
        text_read=np.nan if read.text is None else _centred(read.text, frame, read, settings.centring),
    )
    said = 2 * made["said"] - 1
    made = made.assign(score=-said * made["read"], text_score=-said * made["text_read"])
    return made[made["said"].notna()].reset_index(drop=True)


def _centred(by_fold: np.ndarray, frame: pd.DataFrame, read: ReadScores, centring: str) -> np.ndarray:
    """Each answer's score by the probe of its own fold, less what the centring takes off, (n,)."""
    own = by_fold[read.fold, np.arange(len(frame))]
    if centring == "none":
        return own
    if centring == "per-mode":
        alike, counts = frame["mode"], np.ones(len(frame), dtype=bool)
    else:
        alike, counts = frame.groupby([key for key in ARM if key in frame]).ngroup(), read.trains
    offset = np.empty(len(frame))
    for value in alike.unique():
        here = (alike == value).to_numpy()
        for f in sorted(set(read.fold[here])):
            others = here & counts & (read.fold != f)
            if not others.any():
                raise ProbeError(
                    f"centring {centring!r} has nothing to take off for some answers: "
                    + (
                        f"all {value} answers are of one fold"
                        if centring == "per-mode"
                        else "no honest answers have their choice order and demonstrations"
                    )
                    + "; choose 'none'"
                )
            offset[here & (read.fold == f)] = by_fold[f, others].mean()
    return own - offset


def _kinds(frame: pd.DataFrame) -> np.ndarray:
    """What each answer is to a detector of lies, of `KINDS`; a lie contradicts what the model believes."""
    mode, right = frame["mode"], frame["said"] == frame["label"]
    under_lie, honest, said = mode == "lie", mode == "honest", frame["said"].notna()
    return np.select(
        [
            under_lie & (frame["lie"] == 1),
            under_lie & (frame["lie"] == 0),
            honest & right,
            honest & said,
            (mode == "flip") & said & ~right,
        ],
        KINDS,
        "",
    )
