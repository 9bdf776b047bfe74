"""What came of each fault that was injected, and the campaign's table."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.table import columns

HEADS = ("fault", "injected", "survived", "lost", "seconds", "what was lost, or why it was not injected")


@dataclass(frozen=True)
class Injection:
    """One fault, injected once.

    Attributes:
        fault: which; the row of the table that it counts in.
        how: where and when it was injected.
        lost: what was lost or went wrong, each in a few words; nothing where it was survived.
        seconds: how long the program took to end or to go on, where that is asked.
        skipped: why it could not be injected here.
    """

    fault: str
    how: str
    lost: tuple[str, ...] = ()
    seconds: float | None = None
    skipped: str = ""


@dataclass(frozen=True)
class Row:
    """One fault's row: how often it was injected, and what came of it."""

    fault: str
    injected: int
    survived: int
    lost: tuple[str, ...]
    skipped: tuple[str, ...]
    seconds: tuple[float, ...]

    def cells(self) -> list[str]:
        """The row's cells, one for each of `HEADS`."""
        spread = f"{median(self.seconds):.1f}, at most {max(self.seconds):.1f}" if self.seconds else ""
        told = "; ".join([*self.lost, *(f"not injected: {why}" for why in self.skipped)])
        numbers = (self.injected, self.survived, self.injected - self.survived)
        return [self.fault, *map(str, numbers), spread, told]

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return asdict(self)


def rows_of(injections: Iterable[Injection]) -> list[Row]:
    """One row a fault, in the order in which each came first."""
    of_fault: dict[str, list[Injection]] = {}
    for injection in injections:
        of_fault.setdefault(injection.fault, []).append(injection)
    found = []
    for fault, all_of in of_fault.items():
        done = [injection for injection in all_of if not injection.skipped]
        found.append(
            Row(
                fault,
                len(done),
                sum(not injection.lost for injection in done),
                tuple(f"{i.how}: {_one_line(', '.join(i.lost))}" for i in done if i.lost),
                tuple(injection.skipped for injection in all_of if injection.skipped),
                tuple(i.seconds for i in done if i.seconds is not None),
            )
        )
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())


def faults_table(rows: Iterable[Row]) -> str:
    """The campaign's table as text."""
    return "\n".join(columns([list(HEADS), *(row.cells() for row in rows)]))
