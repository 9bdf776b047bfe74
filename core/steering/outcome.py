"""What a steering experiment came to, and the one sentence that its figures allow."""

from dataclasses import dataclass

import pandas as pd

from core.probes.metrics import Area
from core.probes.rows import BOTH
from core.steering.conditions import is_main, is_random
from core.steering.figures import PLAIN, Push
from core.steering.settings import FEWEST_RANDOM, SteerSettings

PLACES = {
    "last": "at the last prompt token",
    "prompt": "at all prompt tokens",
    "generated": "at generated tokens",
    "all": "at all tokens",
}


@dataclass(frozen=True, eq=False)
class SteerOutcome:
    """One experiment.

    Attributes:
        train: the mode that the probe was trained on.
        norm: what alpha 1 adds: the mean length of the layer's states.
        readable: the probe's AUROC on all test answers, by mode and over all modes.
        prompts: by mode, how many were asked; of `questions` questions.
        agreed: of the unsteered answers, how many say what the run's own answer said (all, where the run
            was greedy).
        curves: see `core.steering.figures.curves`; answers: one row a prompt and condition.
        pushes: by measure, `said` and `log_odds`.
    """

    settings: SteerSettings
    train: str
    norm: float
    readable: dict[str, Area]
    prompts: dict[str, int]
    questions: int
    agreed: int
    curves: pd.DataFrame
    answers: pd.DataFrame
    pushes: dict[str, Push]

    def __repr__(self) -> str:
        return f"SteerOutcome: layer {self.settings.layer}, {self.settings.how}. {self.sentence()}"

    def to_frame(self) -> pd.DataFrame:
        """One row a direction, strength, mode and measure, see `core.steering.figures.curves`."""
        return self.curves

    @property
    def read(self) -> Area | None:
        """AUROC on test answers of the mode that the probe was trained on; None where it has one class."""
        return self.readable.get("all modes" if self.train == BOTH else self.train)

    @property
    def used(self) -> bool | None:
        """Whether what is said moves beyond the controls; None where there are too few random directions."""
        return self.pushes["said"].beyond

    def sentence(self) -> str:
        """Whether the direction is used or only readable, in words."""
        return f"{self._subject()} {self._effect()}"

    def cost(self) -> str:
        """What the strongest push does to plain text, in words; empty where that was not measured."""
        part = self.curves[self.curves["measure"] == "perplexity"]
        if part.empty:
            return ""
        plain = float(part.loc[part["direction"] == PLAIN, "value"].iloc[0])
        main = part[part["direction"].map(is_main)]
        worst = main.loc[main["value"].idxmax()]
        at = f" at alpha {worst['alpha']:g}" if self.settings.how == "add" else ""
        return (
            f"Perplexity of plain text: {plain:.1f} as it is, {worst['value']:.1f} at most under this "
            f"direction{at} (n {int(worst['n'])} tokens)."
        )

    def lines(self, measure: str) -> pd.DataFrame:
        """What a chart draws: each direction but the random ones, from the unsteered answers at alpha 0 on.

        Returns:
            The columns of `curves`, sorted by alpha within direction and mode; direction is never `PLAIN`.
        """
        part = self.curves[self.curves["measure"] == measure]
        plain = part[part["direction"] == PLAIN]
        shown = part[(part["direction"] != PLAIN) & ~part["direction"].map(is_random)]
        begun = [plain.assign(direction=name) for name in shown["direction"].unique()]
        return pd.concat([shown, *begun]).sort_values(["direction", "mode", "alpha"], ignore_index=True)

    def band(self, measure: str) -> pd.DataFrame:
        """The central 95 % of random directions at each alpha.

        Returns:
            Columns alpha, mode, low, high (of values), random (directions); empty without random directions.
        """
        part = self.curves[(self.curves["measure"] == measure) & self.curves["direction"].map(is_random)]
        part = part[part["value"].notna()]
        grouped = part.groupby(["alpha", "mode"])["value"]
        return grouped.agg(
            low=lambda values: values.quantile(0.025),
            high=lambda values: values.quantile(0.975),
            random="size",
        ).reset_index()

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on; random directions as bands."""
        s = self.settings
        shown = self.curves[~self.curves["direction"].map(is_random)]
        return {
            "layer": s.layer,
            "how": s.how,
            "positions": s.where,
            "method": s.method,
            "target": s.target,
            "train": self.train,
            "norm": self.norm,
            "questions": self.questions,
            "prompts": self.prompts,
            "agreed": self.agreed,
            "readable": {mode: found.to_json() for mode, found in self.readable.items()},
            "pushes": {name: push.to_json() for name, push in self.pushes.items()},
            "used": self.used,
            "sentence": self.sentence(),
            "curves": shown.to_dict("records"),
            "bands": {
                measure: self.band(measure).to_dict("records") for measure in self.curves["measure"].unique()
            },
        }

    def _subject(self) -> str:
        s = self.settings
        if s.how == "patch":
            return f"The other mode's state at layer {s.layer}, put in place of a question's own,"
        name = f"The {s.target} direction of layer {s.layer}"
        read = self.read
        if read is None:
            return f"{name} cannot be judged on test answers, which have one class; {self._doing()}"
        told = f"(AUROC {read.auroc:.2f}, {read.ci[0]:.2f} to {read.ci[1]:.2f}, n {read.n} test answers)"
        if read.ci[0] <= 0.5:
            return f"{name} is not shown to be readable {told}; {self._doing()}"
        if self.used:
            return f"{name} is readable {told} and also used: {self._doing()}"
        if self.used is False:
            return f"{name} is readable {told} but not shown to be used: {self._doing()}"
        return f"{name} is readable {told}; {self._doing()}"

    def _doing(self) -> str:
        doing = "adding it" if self.settings.how == "add" else "projecting it out"
        return f"{doing} {PLACES[self.settings.where]}"

    def _effect(self) -> str:
        said, odds = self.pushes["said"], self.pushes["log_odds"]
        adds = self.settings.how == "add"
        effects = " and ".join(
            f"{found[0]:{'+' if adds else ''}.2f} under {mode} ({found[1]:.2f} to {found[2]:.2f})"
            for mode, found in said.by_mode.items()
        )
        if adds:
            does = f"shifts the share that says the positive choice by {effects}, averaged over alphas"
        else:
            does = f"turns the choice in a share of answers of {effects}"
        if said.beyond is None:
            return (
                f"{does}; whether that is beyond chance needs {FEWEST_RANDOM} random directions or more, and "
                f"{len(said.random)} were tried."
            )
        beside = (
            f"{len(said.random)} random directions of the same norm (at most {max(said.random):.2f}, "
            f"p = {said.p_value:.3f})"
        )
        if said.beyond:
            return f"{does}: beyond 95 % of {beside}."
        if said.p_value is not None and said.p_value <= 0.05:
            return (
                f"{does}: beyond 95 % of {beside}, but no more than a direction fitted on permuted labels "
                f"({said.permuted:.2f})."
            )
        moves = f" It does move the log-odds of the choices beyond them, by {odds.size:.2f} nats."
        return f"{does}: not beyond 95 % of {beside}.{moves if odds.beyond else ''}"
