"""What an experiment's answers come to: shares by direction and strength, and how far they move.

Shares have 95 % intervals over groups (`core.labels.share_with_interval`). Whether a direction does more than
chance is judged on one number for each direction, so that a grid of alphas and two modes are one test.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.answers import log_odds
from core.labels import share_with_interval
from core.prompts.modes import MODES
from core.steering.directions import OTHER_MODE, PERMUTED, PROBE, RANDOM

PLAIN = "none"
"""The direction of the unsteered condition, whose alpha is 0."""
RESAMPLES = 2000
MEASURES = {
    "positive": "said the positive choice",
    "as_instructed": "answered as instructed",
    "lie": "lied",
    "changed": "said the other choice than unsteered",
    "readable": "said a choice",
    "outside": "probability outside the choices",
    "log_odds": "log-odds of the positive choice, nats",
    "perplexity": "perplexity of plain text",
}
"""Measures by name; the first three and `changed` are shares of the answers in which they can be judged."""


@dataclass(frozen=True)
class Push:
    """How far the probe's direction moves one measure, against other directions of the same norm.

    Attributes:
        measure: `said` or `log_odds`.
        by_mode: the effect in each mode: (effect, low, high), see `pushes`.
        size: the largest absolute effect over modes: what is compared.
        random: the same of each random direction; permuted: of the permuted-label one, None without it.
        p_value: (1 + random ≥ size) / (1 + random); None without random directions.
    """

    measure: str
    by_mode: dict[str, tuple[float, float, float]]
    size: float
    random: tuple[float, ...]
    permuted: float | None
    p_value: float | None

    @property
    def beyond(self) -> bool | None:
        """Whether it is beyond 95 % of random directions, and beyond permuted labels; None where too few."""
        if self.p_value is None or 1 / (1 + len(self.random)) > 0.05:
            return None
        return self.p_value <= 0.05 and (self.permuted is None or self.size > self.permuted)

    def to_json(self) -> dict:
        """Plain values."""
        return {
            "by_mode": {
                mode: {"effect": found[0], "ci": list(found[1:])} for mode, found in self.by_mode.items()
            },
            "size": self.size,
            "random_largest": max(self.random, default=None),
            "random": len(self.random),
            "permuted": self.permuted,
            "p_value": self.p_value,
            "beyond": self.beyond,
        }


def with_plain(answers: pd.DataFrame) -> pd.DataFrame:
    """Each answer beside the unsteered one to the same prompt.

    Args:
        answers: direction, alpha, answer, question, group, mode, label, believes, said, p_0, p_1.

    Returns:
        The frame with outside, log_odds, plain_said, plain_log_odds, and, NaN where it cannot be judged:
        positive, as_instructed, lie, changed; and moved: said less unsteered said, 0 where either is missing.
    """
    frame = answers.copy()
    frame["outside"] = (1 - frame["p_0"] - frame["p_1"]).clip(lower=0.0)
    frame["log_odds"] = [log_odds(a, b) for a, b in zip(frame["p_0"], frame["p_1"], strict=True)]
    plain = frame[frame["direction"] == PLAIN].set_index("answer")
    frame["plain_said"] = frame["answer"].map(plain["said"])
    frame["plain_log_odds"] = frame["answer"].map(plain["log_odds"])
    said, there = frame["said"], frame["said"].notna()
    falsely = frame["mode"].map(lambda mode: MODES[mode].expects == "falsehood").astype(bool)
    frame["readable"] = there.astype(float)
    frame["positive"] = said
    true = (said == frame["label"]).astype(float).where(there)
    frame["as_instructed"] = true.where(~falsely, 1 - true)
    held = there & frame["believes"].notna() & (frame["mode"] == "lie")
    frame["lie"] = (said != frame["believes"]).astype(float).where(held)
    both = there & frame["plain_said"].notna()
    frame["changed"] = (said != frame["plain_said"]).astype(float).where(both)
    frame["moved"] = (said - frame["plain_said"]).where(both, 0.0)
    return frame


def curves(answers: pd.DataFrame, texts: pd.DataFrame) -> pd.DataFrame:
    """Every measure of every direction at every alpha.

    Args:
        answers: what `with_plain` gives.
        texts: direction, alpha, loss (nats), tokens: one row a condition and passage; may be empty.

    Returns:
        Columns direction, alpha, mode, measure, value, low, high (95 %), n (answers; of perplexity, tokens).
        Where nothing can be judged n is 0 and the figures are NaN. Perplexity has mode `text`.
    """
    rows = []
    for (direction, alpha, mode), part in answers.groupby(["direction", "alpha", "mode"], sort=False):
        about = {"direction": direction, "alpha": alpha, "mode": mode}
        for measure in MEASURES:
            if measure == "perplexity" or (measure == "lie" and mode != "lie"):
                continue
            kept = part[part[measure].notna()]
            value, low, high = _mean(kept[measure], kept["group"], measure)
            rows.append(
                about | {"measure": measure, "value": value, "low": low, "high": high, "n": len(kept)}
            )
    for (direction, alpha), part in texts.groupby(["direction", "alpha"], sort=False):
        value, low, high = _perplexity(part["loss"].to_numpy(), part["tokens"].to_numpy())
        about = {"direction": direction, "alpha": alpha, "mode": "text", "measure": "perplexity"}
        rows.append(about | {"value": value, "low": low, "high": high, "n": int(part["tokens"].sum())})
    return pd.DataFrame(rows)


def pushes(answers: pd.DataFrame, how: str) -> dict[str, Push]:
    """How far each direction moves what is said and the log-odds, against the unsteered answers.

    Where a direction is added, an answer's effect is its change times the sign of alpha, averaged over
    alphas: said changes by 1 from the negative to the positive choice, by 0 where no choice is said. What a
    push does whichever way it goes, such as breaking the model, cancels out where alphas lie on both sides.
    Where it is projected out or patched there is no such sign, and each change counts absolutely.

    Args:
        answers: what `with_plain` gives.
    """
    steered = answers[answers["direction"] != PLAIN]
    sign = np.sign(steered["alpha"]) if how == "add" else 1.0
    shift = steered["log_odds"] - steered["plain_log_odds"]
    if how == "add":
        said, odds = steered["moved"] * sign, shift * sign
    else:
        said, odds = steered["moved"].abs(), shift.abs()
    found = {}
    for measure, values in (("said", said), ("log_odds", odds)):
        frame = steered[["direction", "mode", "answer", "group"]].assign(effect=values)
        each = frame.groupby(["direction", "mode", "answer", "group"], sort=False)["effect"].mean()
        means = each.groupby(level=["direction", "mode"]).mean().unstack("mode").abs().max(axis=1)
        random = tuple(float(v) for name, v in means.items() if str(name).startswith(f"{RANDOM} "))
        main = OTHER_MODE if how == "patch" else PROBE
        size = float(means[main])
        mine = each.loc[main].reset_index()
        by_mode = {str(mode): _bootstrap(part) for mode, part in mine.groupby("mode", sort=False)}
        beaten = sum(value >= size for value in random)
        p_value = (1 + beaten) / (1 + len(random)) if random else None
        permuted = float(means[PERMUTED]) if PERMUTED in means else None
        found[measure] = Push(measure, by_mode, size, random, permuted, p_value)
    return found


def _mean(values: pd.Series, groups: pd.Series, measure: str) -> tuple[float, float, float]:
    if values.empty:
        return (float("nan"),) * 3
    if measure != "log_odds":
        share, (low, high) = share_with_interval(values, groups)
        return share, low, high
    value = float(values.mean())
    apart = (values - value).groupby(groups.to_numpy()).sum()
    half = 1.959964 * float(np.sqrt((apart**2).sum())) / len(values)
    return value, value - half, value + half


def _perplexity(loss: np.ndarray, tokens: np.ndarray) -> tuple[float, float, float]:
    """Per token, with a 95 % interval over passages, drawn anew."""
    drawn = np.random.default_rng(0).integers(len(loss), size=(RESAMPLES, len(loss)))
    means = loss[drawn].sum(axis=1) / tokens[drawn].sum(axis=1)
    low, high = np.exp(np.quantile(means, (0.025, 0.975)))
    return float(np.exp(loss.sum() / tokens.sum())), float(low), float(high)


def _bootstrap(part: pd.DataFrame) -> tuple[float, float, float]:
    """A mean effect with a 95 % interval, groups drawn anew."""
    of_group = part.groupby("group")["effect"].agg(["sum", "size"]).to_numpy(dtype=float)
    drawn = np.random.default_rng(0).integers(len(of_group), size=(RESAMPLES, len(of_group)))
    taken = of_group[drawn].sum(axis=1)
    low, high = np.quantile(taken[:, 0] / taken[:, 1], (0.025, 0.975))
    return float(part["effect"].mean()), float(low), float(high)
