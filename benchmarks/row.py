"""One row of the table, whatever was measured: what, against what, how much it must be, how much it is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.compare import DisagreementError, spread
from core.errors import TelltaleError


class NotRunError(TelltaleError):
    """A row that cannot be measured here, and why."""


@dataclass(frozen=True)
class Bar:
    """What the median must come to.

    Attributes:
        most: the median must stay at or under the value, where others must reach it.
    """

    value: float
    most: bool = False

    def met(self, value: float) -> bool:
        """Whether a median is good enough."""
        return value <= self.value if self.most else value >= self.value


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        ratios: of each pair of measurements.
        checked: what made sure that like was compared with like, and what the figures stand on.
        facts: absolute figures beside the ratio.
    """

    ratios: list[float]
    checked: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: what is measured; `against`: what it is measured against.
        bar: None where there is none.
        share: ratios are shown in per cent.
        found: None where nothing can be told.
        not_run: why it was not measured.
        refused: how the two sides differ, so that no speed is reported.
    """

    name: str
    against: str
    bar: Bar | None
    share: bool = False
    found: Found | None = None
    not_run: str = ""
    refused: str = ""

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """Median, least and most of the pairs."""
        return spread(self.found.ratios) if self.found else None

    @property
    def missed(self) -> bool:
        """Whether the bar was not reached, or the results differ."""
        return bool(self.refused) or bool(self.bar and self.ratio and not self.bar.met(self.ratio[0]))

    @property
    def verdict(self) -> str:
        """`met`, `MISSED` or `no bar`, or why there is no figure."""
        if self.not_run:
            return f"not run: {self.not_run}"
        if self.refused:
            return f"MISSED: {self.refused}"
        return "no bar" if self.bar is None else "MISSED" if self.missed else "met"

    def to_dict(self) -> dict:
        """Plain JSON values, the median, spread and verdict among them."""
        ratio = dict(zip(("median", "least", "most"), self.ratio or (), strict=False))
        return asdict(self) | {"ratio": ratio, "verdict": self.verdict}

    @staticmethod
    def from_dict(values: dict) -> "Row":
        """The row that `to_dict` wrote."""
        bar, found = values["bar"], values["found"]
        plain = {name: values[name] for name in ("name", "against", "share", "not_run", "refused")}
        return Row(bar=bar and Bar(**bar), found=found and Found(**found), **plain)


def measure_row(
    name: str, against: str, bar: Bar | None, measure: Callable[[], Found], share: bool = False
) -> Row:
    """Measure one row; a row that cannot be measured, or whose sides differ, says so and stops no other."""
    try:
        return Row(name, against, bar, share, found=measure())
    except DisagreementError as error:
        return Row(name, against, bar, share, refused=str(error))
    except NotRunError as error:
        return Row(name, against, bar, share, not_run=str(error))
