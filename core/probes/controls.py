"""What a probe must beat before it means anything: chance, the model's own output, the question's words."""

import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.probes.metrics import Control, area, margin
from core.probes.rows import Rows
from core.probes.word_scores import tfidf_scores, words_of

FEWEST_TO_REGRESS = 10


@dataclass(frozen=True)
class Null:
    """The permuted-label null: one test AUROC per repetition of the whole pipeline.

    Attributes:
        aurocs: one per permutation.
        p_value: share of permutations at least as good as the probe, with the probe itself counted
            (Phipson and Smyth 2010).
    """

    aurocs: tuple[float, ...]
    p_value: float

    def to_json(self) -> dict:
        """Mean, central 95 % of the permutations, their number, and the p-value."""
        low, high = np.percentile(self.aurocs, [2.5, 97.5])
        return {
            "auroc": float(np.mean(self.aurocs)),
            "auroc_ci": [float(low), float(high)],
            "permutations": len(self.aurocs),
            "p_value": self.p_value,
        }


def _mixed(block: list[list[int]], values: np.ndarray, generator: random.Random) -> list[list[int]]:
    """A group's units in a drawn order; as they are where all have one label, which no order changes."""
    return block if len({values[unit[0]] for unit in block}) == 1 else generator.sample(block, len(block))


def permuted_targets(frame: pd.DataFrame, target: str, permutations: int, seed: int) -> np.ndarray:
    """Targets with labels moved between groups, (permutations, rows).

    `truth`: a question keeps one label over all its answers, and labels move between groups in blocks, so
    that what hangs together still does, and within a group between its questions: where every group has the
    same labels in the same order (each statement beside its negation), blocks alone would move nothing.
    Others: the same within each mode. `mode`: each group's modes are swapped or not.
    """
    generator, within = random.Random(f"permutation {seed}"), random.Random(f"within groups {seed}")
    values = frame["target"].to_numpy()
    groups = frame["group"].tolist()
    if target == "mode":
        units = [[row] for row in range(len(frame))]
    elif target == "truth":
        units = _units(frame["question"].tolist(), np.arange(len(frame)))
    else:
        units = []
        for mode in sorted(set(frame["mode"])):
            units += [[int(row)] for row in np.flatnonzero((frame["mode"] == mode) & frame["target"].notna())]
    made = np.tile(values, (permutations, 1))
    blocks: dict[tuple[str, str], list[list[int]]] = defaultdict(list)
    modes = frame["mode"].tolist()
    for unit in units:
        stratum = "" if target == "truth" else modes[unit[0]]
        blocks[stratum, groups[unit[0]]].append(unit)
    strata: dict[str, list[list[list[int]]]] = defaultdict(list)
    for (stratum, _), block in blocks.items():
        strata[stratum].append(block)
    receivers = []
    for members in strata.values():
        units_here = [unit for block in members for unit in block]
        receivers.append((np.concatenate(units_here), [len(unit) for unit in units_here]))
    for number in range(permutations):
        if target == "mode":
            swapped = {group: generator.random() < 0.5 for group in dict.fromkeys(groups)}
            flip = np.array([swapped[group] for group in groups])
            made[number] = np.where(flip, 1 - values, values)
            continue
        for members, (rows, sizes) in zip(strata.values(), receivers, strict=True):
            givers = list(members)
            generator.shuffle(givers)
            given = values[[unit[0] for block in givers for unit in _mixed(block, values, within)]]
            shift = generator.randrange(len(given)) if len(given) > 1 else 0
            made[number, rows] = np.repeat(np.roll(given, -shift), sizes)
    return made


def _units(names: list[str], rows: np.ndarray) -> list[list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for name, row in zip(names, rows, strict=True):
        found[name].append(int(row))
    return list(found.values())


def against(
    target: np.ndarray, scores: np.ndarray, control: np.ndarray, groups: np.ndarray
) -> Control | None:
    """A control's AUROC where it has a score, and the probe's margin over it there; None for one class.

    Args:
        scores: the probe's, one per test answer.
        control: the control's, NaN where it has none.
    """
    known = ~np.isnan(control)
    target, scores, control, groups = target[known], scores[known], control[known], groups[known]
    if len(set(target)) < 2:
        return None
    found = area(target, control, groups)
    return Control(found.auroc, found.ci, found.n, found.positive, margin(target, scores, control, groups))


def output_scores(judged: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The model's own output, log-odds of the positive choice, (rows,): raw, and inverted under lie."""
    part = judged.iloc[rows]
    score = _output(part)
    return score, np.where(part["mode"] == "lie", -score, score)


def honest_answer_scores(judged: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The output under honest to the same question, wording, order, demonstrations and sample, (rows,).

    NaN where the run has no such answer.
    """
    keys = ["question", "wording", "order", "demo_set", "sample"]
    keys = [key for key in keys if key in judged]
    honest = judged[judged["mode"] == "honest"].drop_duplicates(keys)
    honest = honest.assign(honest_score=_output(honest))[[*keys, "honest_score"]]
    return judged.iloc[rows].merge(honest, on=keys, how="left")["honest_score"].to_numpy(dtype=float)


def text_scores(frame: pd.DataFrame, judged: pd.DataFrame, rows: Rows) -> np.ndarray:
    """TF-IDF on the question's words with logistic regression, on the same split, (rows,).

    Trained on the answers that the probe was trained on and those of its validation part.

    Raises:
        ProbeError: see `tfidf_scores`.
    """
    part = frame.iloc[learnt_rows(rows)]
    return tfidf_scores(words_of(part), part["target"].to_numpy(), words_of(judged.iloc[rows.test]))


def beyond_output(
    frame: pd.DataFrame, known: np.ndarray, judged: pd.DataFrame, scores: np.ndarray
) -> np.ndarray:
    """What is left of scores once the output's entropy and log-odds are regressed out, (rows,).

    In each mode a line of its own is fitted by least squares, on answers that the probe was not trained on.
    NaN in modes of which there are fewer than ten such answers, and where there is no choice to have odds.

    Args:
        frame: answers to fit on; known: their scores.
        judged: answers whose scores are to be corrected.
    """
    left = np.full(len(judged), np.nan)
    for mode in judged["mode"].unique():
        fit, here = ((of["mode"].eq(mode) & of["p_0"].notna()).to_numpy() for of in (frame, judged))
        if fit.sum() < FEWEST_TO_REGRESS:
            continue
        lines = np.linalg.lstsq(_outputs(frame[fit]), known[fit], rcond=None)[0]
        left[here] = scores[here] - _outputs(judged[here]) @ lines
    return left


def _outputs(part: pd.DataFrame) -> np.ndarray:
    """1, log-odds and entropy (nats, of both choices and all else) of each answer's output, (rows, 3)."""
    masses = np.stack([part["p_0"], part["p_1"], 1 - part["p_0"] - part["p_1"]]).clip(1e-12, 1)
    return np.stack([np.ones(len(part)), _output(part), -(masses * np.log(masses)).sum(axis=0)], axis=1)


def learnt_rows(rows: Rows) -> np.ndarray:
    """The answers that the controls on words learn from: no fewer than the probe has seen, (rows,)."""
    return np.unique(np.concatenate([rows.train, *rows.validation.values()]))


def _output(part: pd.DataFrame) -> np.ndarray:
    return np.log(np.maximum(part["p_1"], 1e-12)) - np.log(np.maximum(part["p_0"], 1e-12))
