"""What two runs say, mode by mode, and by how much they differ. No states, no probe.

The shares are those of `core.labels.mode_summary`: answers dropped for quality are left out, those dropped
for their outcome count.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.compare.estimate import Difference, Estimate, Figure, auroc_of, difference, mean, share
from core.compare.pairing import Pairing
from core.labels import before_outcome_pruning

INSTRUCTED, READABLE, LIES, KNOWS = "as instructed", "holds a choice", "lies", "known questions"
MASS, OUTPUT = "mass on the choices", "AUROC of the output"
MEANS = {
    INSTRUCTED: "share of the answers that hold a choice which say the truth, or under lie what is not true",
    READABLE: "share of all answers in whose emitted tokens one choice can be read",
    LIES: "share of the answers that can be judged which contradict what the model believes",
    KNOWS: "share of the questions asked under honest to which the model believes the truth",
    MASS: "mean probability of both choices together at the first token",
    OUTPUT: "of the log-odds of the choices at the first token, against the truth",
}
"""What each figure is, in words."""
Measured = Callable[[pd.DataFrame, np.ndarray, int], Estimate | None]


@dataclass(frozen=True)
class Compared:
    """A figure of two runs; what one of them has no answers for is None, and so is the difference then."""

    what: str
    mode: str
    one: Figure | None
    other: Figure | None
    difference: Difference | None


def compare_behaviour(one: pd.DataFrame, other: pd.DataFrame, pairing: Pairing) -> list[Compared]:
    """Every figure in each mode that both runs were asked in.

    Args:
        one, other: labelled answers, see `core.labels`.
        pairing: of these.
    """
    modes = [mode for mode in dict.fromkeys(one["mode"]) if (other["mode"] == mode).any()]
    counted = [frame[before_outcome_pruning(frame)] for frame in (one, other)]
    rows = []
    for mode in modes:
        for what, measured in OF_MODE.items():
            if what == LIES and mode != "lie":
                continue
            found = [
                _measure(measured, frame[frame["mode"] == mode], pairing, run)
                for run, frame in enumerate(counted)
            ]
            rows.append(_compared(what, mode, *found))
    asked = [frame[frame["belief_basis"] != ""].drop_duplicates("question") for frame in (one, other)]
    known = [_measure(_knows, frame, pairing, run) for run, frame in enumerate(asked)]
    rows.append(_compared(KNOWS, "honest", *known))
    return [row for row in rows if row.one is not None or row.other is not None]


def to_frame(compared: list[Compared]) -> pd.DataFrame:
    """One row a figure.

    Returns:
        Columns figure, mode, one, one_low, one_high, one_n, the same of other, difference, low and high; NaN
        where there is none, and n 0.
    """
    rows = []
    for row in compared:
        values: dict[str, object] = {"figure": row.what, "mode": row.mode}
        for name, found in (("one", row.one), ("other", row.other)):
            value, (low, high), n = (
                (found.value, found.ci, found.n) if found else (np.nan, (np.nan, np.nan), 0)
            )
            values |= {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_n": n}
        apart = row.difference
        value, (low, high) = (apart.value, apart.ci) if apart else (np.nan, (np.nan, np.nan))
        rows.append(values | {"difference": value, "low": low, "high": high})
    sides = [f"{name}{of}" for name in ("one", "other") for of in ("", "_low", "_high", "_n")]
    return pd.DataFrame(rows, columns=["figure", "mode", *sides, "difference", "low", "high"])


def _compared(what: str, mode: str, one: Estimate | None, other: Estimate | None) -> Compared:
    apart = None if one is None or other is None else difference(one, other)
    first, second = (None if found is None else found.figure for found in (one, other))
    return Compared(what, mode, first, second, apart)


def _measure(measured: Measured, rows: pd.DataFrame, pairing: Pairing, run: int) -> Estimate | None:
    return measured(rows, pairing.of(run, rows["group"]), pairing.count) if len(rows) else None


def _share_of(column: str) -> Measured:
    """The share of ones in a column, over the answers that have a value there."""

    def measured(rows: pd.DataFrame, clusters: np.ndarray, count: int) -> Estimate | None:
        there = rows[column].notna().to_numpy()
        values = rows[column].to_numpy(dtype=float)
        return share(values[there], clusters[there], count) if there.any() else None

    return measured


def _readable(rows: pd.DataFrame, clusters: np.ndarray, count: int) -> Estimate:
    return share(rows["said"].notna().to_numpy(dtype=float), clusters, count)


def _mass(rows: pd.DataFrame, clusters: np.ndarray, count: int) -> Estimate | None:
    there = rows["p_0"].notna().to_numpy()
    values = (rows["p_0"] + rows["p_1"]).clip(0, 1).to_numpy(dtype=float)
    return mean(values[there], clusters[there], count) if there.any() else None


def _output(rows: pd.DataFrame, clusters: np.ndarray, count: int) -> Estimate | None:
    there = rows["p_0"].notna().to_numpy()
    target = rows["label"].to_numpy(dtype=int)[there]
    if len(set(target)) < 2:
        return None
    masses = rows.loc[there, ["p_0", "p_1"]].to_numpy(dtype=float).clip(1e-12, None)
    return auroc_of(target, np.log(masses[:, 1] / masses[:, 0]), clusters[there], count)


def _knows(rows: pd.DataFrame, clusters: np.ndarray, count: int) -> Estimate:
    return share((rows["knows"] == 1).to_numpy(dtype=float), clusters, count)


OF_MODE: dict[str, Measured] = {
    INSTRUCTED: _share_of("as_instructed"),
    LIES: _share_of("lie"),
    READABLE: _readable,
    MASS: _mass,
    OUTPUT: _output,
}
