"""The reports of a cache folder: one row an answer, kept with its run and deleted with it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.own_report.question import QUESTION
from core.store.database import Database
from core.store.record import note


class OwnReportStore:
    """What models said of their own answers."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.database = Database(cache)

    def add(self, run: str, rows: list[dict]) -> None:
        """Commit reports: each has the columns that `of` gives, `log_odds` aside."""
        made = [(row["answer"], QUESTION, row["yes_first"], row["no_first"], row["outside"]) for row in rows]
        with self.database.connect() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO own_reports VALUES (?, ?, ?, ?, ?, ?)",
                [(run, *report) for report in made],
            )
            note(self.cache, connection, run, ("own-reports", made))

    def of(self, run: str) -> pd.DataFrame:
        """A run's reports, asked as they are asked now.

        Returns:
            answer, yes_first, no_first (log-odds of Yes, nats, in each order of the choices), outside (mean
            probability on neither) and log_odds, the mean of the two orders.
        """
        with self.database.connect() as connection:
            frame = pd.read_sql_query(
                "SELECT answer, yes_first, no_first, outside FROM own_reports WHERE run = ? AND asked = ? "
                "ORDER BY answer",
                connection,
                params=(run, QUESTION),
            )
        return frame.assign(log_odds=(frame["yes_first"] + frame["no_first"]) / 2)

    def beside(self, run: str, answers: Sequence[int] | np.ndarray) -> pd.DataFrame:
        """Some of a run's answers with the report on each; nothing of others is read.

        Returns:
            By answer: mode, said (0, 1 or NaN), label, log_odds (nats, NaN where it was not asked about).
        """
        with self.database.connect() as connection:
            frame = pd.read_sql_query(
                "SELECT a.answer, a.mode, a.said, q.label, (r.yes_first + r.no_first) / 2 AS log_odds "
                "FROM json_each(?) AS wanted JOIN answers a ON a.run = ? AND a.answer = wanted.value "
                "JOIN questions q USING (run, number) "
                "LEFT JOIN own_reports r ON r.run = a.run AND r.answer = a.answer AND r.asked = ?",
                connection,
                params=(json.dumps(list(map(int, answers))), run, QUESTION),
            )
        return frame.astype({"said": float, "log_odds": float}).set_index("answer")

    def unreported(self, run: str) -> int:
        """How many answers that say something, one for each prompt, the model was not asked about yet."""
        with self.database.connect() as connection:
            return connection.execute(
                "SELECT count(*) FROM answers a WHERE run = ? AND said IS NOT NULL AND sample = 0 "
                "AND NOT EXISTS (SELECT 1 FROM own_reports r "
                "WHERE r.run = a.run AND r.answer = a.answer AND r.asked = ?)",
                (run, QUESTION),
            ).fetchone()[0]
