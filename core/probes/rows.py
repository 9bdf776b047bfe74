"""Which answers a probe trains on, chooses its layer on and is judged on."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from core.data.question import Question, merge_near_duplicates
from core.errors import ProbeError
from core.probes.layer_rules import LAYER_RULES
from core.probes.method import NEEDS
from core.probes.methods import CONTRAST_METHODS, METHODS, method_named
from core.probes.splits import split_groups
from core.store.states import CONTINUATIONS

TARGETS = ("truth", "said", "said_true", "lie", "mode")
OF_THE_ANSWER = ("said", "said_true", "lie")
"""Targets that differ between two answers to one prompt."""
COLUMN = {"truth": "label", "said": "said", "said_true": "said_true", "lie": "lie"}
BOTH = "both"
CONTRAST = "contrast"
"""The position of contrast pairs: the last tokens of a prompt's two continuations, read together."""
MOST_PERMUTATIONS = 10_000
PAIR = ["question", "wording", "order", "demo_set"]
"""What two answers, one under honest and one under lie, have in common: wordings of one number correspond."""


@dataclass(frozen=True)
class ProbeSettings:
    """What a probe is trained and judged on.

    Attributes:
        method: of `core.probes.methods.METHODS` or `CONTRAST_METHODS`.
        position: of the states; always `contrast` for methods of contrast pairs, and for no other.
        train, test: a mode, or `both`.
        permutations: how often the permuted-label null repeats the whole pipeline; 0 for none.
        rule: by what the layer is chosen, of `LAYER_RULES`.
    """

    method: str = "logistic"
    target: str = "truth"
    position: str = "prompt"
    train: str = "honest"
    test: str = "lie"
    seed: int = 0
    permutations: int = 100
    rule: str = "labels"

    def __post_init__(self) -> None:
        method = method_named(self.method)
        if not (method.one_layer or method.contrast):
            raise ProbeError(
                f"method {self.method!r} needs {NEEDS[method.needs]}, which no run gives layer by layer: fit "
                f"its estimator in core.probes.methods on arrays, or choose "
                f"{', '.join(METHODS + CONTRAST_METHODS)}"
            )
        if method.contrast:
            object.__setattr__(self, "position", CONTRAST)
        elif self.position in (CONTRAST, *CONTINUATIONS):
            raise ProbeError(
                f"method {self.method!r} reads one state of an answer, and position {self.position!r} is of "
                "a prompt's two continuations: choose another position, or method "
                f"{', '.join(CONTRAST_METHODS)}"
            )
        if self.target not in TARGETS:
            raise ProbeError(f"unknown target {self.target!r}: choose {', '.join(TARGETS)}")
        if method.targets is not None and self.target not in method.targets:
            learnt = (
                "which of two choices is right" if method.contrast else "what differs between honest and lie"
            )
            raise ProbeError(
                f"method {self.method!r} finds {learnt}, which says nothing of target {self.target!r}: "
                f"choose target {', '.join(method.targets)}"
            )
        if method.needs == "pairs" and self.train != BOTH:
            raise ProbeError(
                f"method {self.method!r} learns from the same questions under honest and under lie, not from "
                f"{self.train!r} alone: train on {BOTH!r}"
            )
        if self.rule not in LAYER_RULES:
            raise ProbeError(f"unknown layer rule {self.rule!r}: choose {', '.join(LAYER_RULES)}")
        if not 0 <= self.permutations <= MOST_PERMUTATIONS:
            raise ProbeError(f"{self.permutations} permutations: choose 0 to {MOST_PERMUTATIONS}")

    def without_null(self) -> "ProbeSettings":
        """The same probe, as it is however often the null repeats it."""
        return replace(self, permutations=0)


def default_modes(present: Iterable[str]) -> tuple[str, str]:
    """The modes to train and to test on that a run's modes suggest: honest and lie, where it has them."""
    modes = list(dict.fromkeys(present))
    train = "honest" if "honest" in modes else modes[0]
    return train, "lie" if "lie" in modes else train


@dataclass(frozen=True, eq=False)
class Rows:
    """Row numbers of each part. Validation holds the rows of both modes; test may be of another run.

    `everywhere` is the test part in all modes, where it was asked for; `test` those of the settings' mode.
    `n_dropped` counts what people pruned: of the run, and for quality of the one judged on where that is
    another.
    """

    train: np.ndarray
    validation: dict[str, np.ndarray]
    test: np.ndarray
    n_dropped: int
    everywhere: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


def with_target(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """The frame with a column `target`: 0, 1, or NaN where an answer has none."""
    values = (
        (frame["mode"] == "lie").astype(float) if target == "mode" else frame[COLUMN[target]].astype(float)
    )
    return frame.assign(target=values)


def check_samples(frame: pd.DataFrame, settings: ProbeSettings) -> None:
    """Refuse to read off a prompt what was sampled after it.

    Raises:
        ProbeError: the target is of the answer, the position `prompt`, and a prompt has several answers.
    """
    if settings.position == "prompt" and settings.target in OF_THE_ANSWER and (_samples(frame) > 0).any():
        raise ProbeError(
            f"target {settings.target!r} cannot be read at position 'prompt' where a question has several "
            "sampled answers, which all share that one state: choose position before, answer or mean"
        )


def one_of_each(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Which answers may train, and which may choose the layer and test: one for each prompt, (rows,) each.

    A prompt is one question under one instruction; its samples hang together, and count once. Sample 0
    stands for it, drawn without a look at what it says. Where lie-mode prompts have several samples, the one
    chosen by `core.best_of` trains in its place, and none where none was chosen. What is chosen is chosen by
    its outcome: judged on it, any model lies as often as it is asked again. Nor may tests take sample 0 only
    where it was not chosen, which would leave the answers that failed to lie; so sample 0 is never among
    those chosen from.
    """
    as_drawn = _samples(frame) == 0
    if not ((frame["mode"] == "lie") & ~as_drawn).any():
        return as_drawn, as_drawn
    return frame["selected"].astype(bool).where(frame["mode"] == "lie", as_drawn), as_drawn


def _samples(frame: pd.DataFrame) -> pd.Series:
    return frame["sample"] if "sample" in frame else pd.Series(0, frame.index)


def choose_rows(frame: pd.DataFrame, settings: ProbeSettings, judged: pd.DataFrame | None = None) -> Rows:
    """Split by group and pick each part's rows, of each prompt one answer (see `one_of_each`).

    Args:
        frame: labelled answers with `target`; row i is row i of the states.
        judged: the answers of another run, to be tested on in place of this one's test part. Groups that
            training or layer choice saw, and near-duplicates of their texts, are left out.

    Raises:
        ProbeError: a part is empty or has one class; says which and why. See also `check_samples`.
    """
    for answers in (frame, frame if judged is None else judged):
        check_samples(answers, settings)
    may_train, as_drawn = one_of_each(frame)
    outcome = dropped_from_training(frame)
    usable = ~frame["dropped"].astype(bool) & frame["target"].notna()
    split = split_groups(frame["group"].tolist(), frame["label"].tolist(), settings.seed)
    in_train, in_validation = frame["group"].isin(split.train), frame["group"].isin(split.validation)
    elsewhere = 0
    if judged is None:
        judged = frame
        in_test = frame["group"].isin(split.test)
    else:
        here, there = merged_groups(frame, judged)
        in_test = ~there.isin(set(here[in_train | in_validation]))
        elsewhere = int(judged["dropped"].astype(bool).sum())
    clean = usable & ~outcome
    usable_test = ~judged["dropped"].astype(bool) & judged["target"].notna() & one_of_each(judged)[1]
    everywhere = in_test & usable_test
    rows = Rows(
        train=np.flatnonzero(in_train & clean & may_train & of_mode(frame, settings.train)),
        validation=validation_rows(frame, in_validation & clean & as_drawn, settings.target),
        test=np.flatnonzero(everywhere & of_mode(judged, settings.test)),
        n_dropped=int((frame["dropped"].astype(bool) | outcome).sum()) + elsewhere,
        everywhere=np.flatnonzero(everywhere),
    )
    check_classes(frame, rows.train, f"training answers in mode {settings.train}", settings.target)
    check_classes(judged, rows.test, f"test answers in mode {settings.test}", settings.target)
    if not rows.validation:
        raise ProbeError(f"no validation answers of both classes are left for target {settings.target!r}")
    return rows


def dropped_from_training(frame: pd.DataFrame) -> pd.Series:
    """Which answers people dropped from training data alone."""
    return frame.get("dropped_outcome", pd.Series(False, frame.index)).astype(bool)


def validation_rows(frame: pd.DataFrame, here: pd.Series, target: str) -> dict[str, np.ndarray]:
    """The rows that choose the layer, by mode: of honest and lie where there are such, else of every mode.

    Modes with one class of the target are missing. For targets that span the modes there is one part, `both`.

    Args:
        here: which answers may choose, (rows,).
    """
    if target in ("mode", "lie"):
        parts = {BOTH: np.flatnonzero(here)}
    else:
        present = list(dict.fromkeys(frame["mode"]))
        modes = [mode for mode in ("honest", "lie") if mode in present] or present
        parts = {mode: np.flatnonzero(here & (frame["mode"] == mode)) for mode in modes}
    return {mode: part for mode, part in parts.items() if two_classes(frame, part)}


def undropped(frame: pd.DataFrame, modes: Iterable[str]) -> np.ndarray:
    """Rows of these modes that are left in all data, of each prompt one (see `one_of_each`)."""
    here = frame["mode"].isin(list(modes)) & ~frame["dropped"].astype(bool) & one_of_each(frame)[1]
    return np.flatnonzero(here)


def matched_modes(frame: pd.DataFrame, honest: np.ndarray, lie: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of these rows those of one question (wording, order, demonstrations) in both modes, matched.

    Args:
        honest, lie: row numbers of answers under each.
    """
    keys = [key for key in PAIR if key in frame]
    one, two = (frame.iloc[rows][keys].assign(row=rows) for rows in (honest, lie))
    both = one.merge(two, on=keys)
    return both["row_x"].to_numpy(dtype=int), both["row_y"].to_numpy(dtype=int)


def matched_validation(frame: pd.DataFrame, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Validation rows of one question under honest and under lie; empty where a mode is missing."""
    empty = np.array([], dtype=int)
    return matched_modes(frame, rows.validation.get("honest", empty), rows.validation.get("lie", empty))


def of_mode(frame: pd.DataFrame, mode: str) -> pd.Series:
    """Which rows are of a mode; `both` is every mode."""
    return pd.Series(True, frame.index) if mode == BOTH else frame["mode"] == mode


def two_classes(frame: pd.DataFrame, rows: np.ndarray) -> bool:
    """Whether the rows hold both classes of the target."""
    return len(set(frame["target"].to_numpy()[rows])) == 2


def check_classes(frame: pd.DataFrame, rows: np.ndarray, what: str, target: str) -> None:
    """Raises `ProbeError` where rows are empty or of one class."""
    if not len(rows):
        raise ProbeError(f"there are no {what} with a value for target {target!r}")
    if not two_classes(frame, rows):
        raise ProbeError(f"the {len(rows)} {what} have one class of target {target!r} left: two are needed")


def merged_groups(frame: pd.DataFrame, judged: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The groups of two runs' answers, merged where texts of the two are near-duplicates."""
    once = pd.concat([frame, judged])[["question", "text", "group", "source"]].drop_duplicates()
    questions = [
        Question(r.question, r.text, 0, ("", ""), r.source, r.group) for r in once.itertuples(index=False)
    ]
    merged = {
        q.group: after.group for q, after in zip(questions, merge_near_duplicates(questions), strict=True)
    }
    return frame["group"].map(merged), judged["group"].map(merged)
