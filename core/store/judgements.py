"""What each run's test questions have judged so far: the more, the less its best figure means.

Choosing among many configurations by their test figures fits the choice to the test set; whoever reads the
best of them has to know of how many it is the best.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from core.store.database import Database
from core.store.record import JUDGEMENT, note
from core.store.runs import now


@dataclass(frozen=True)
class LoggedJudgement:
    """One configuration, judged on a test set.

    Attributes:
        judged, trained: runs.
        configuration: a hash of all that the figure depends on, the null's repetitions aside.
        what: the configuration in words.
        at: when it was first judged.
    """

    judged: str
    configuration: str
    trained: str
    what: str
    auroc: float
    at: str = ""


class JudgementStore:
    """The log of a cache folder. Entries are never changed or taken back, and outlive derived results."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.database = Database(cache)

    def add(self, made: LoggedJudgement) -> None:
        """Log a judgement; the same configuration judged again on the same answers is no other one."""
        at = made.at or now()
        with self.database.connect() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO judgements VALUES (?, ?, ?, ?, ?, ?)",
                (made.judged, made.configuration, made.trained, made.what, made.auroc, at),
            ).rowcount
            if added:
                values = asdict(made) | {"at": at}
                entry = {name: values[name] for name in JUDGEMENT}
                note(self.cache, connection, made.judged, ("judgement", entry))

    def of(self, judged: str) -> list[LoggedJudgement]:
        """What a run's test questions have judged, the first first."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT * FROM judgements WHERE judged = ? ORDER BY at, configuration", (judged,)
            ).fetchall()
        return [LoggedJudgement(**dict(row)) for row in rows]
