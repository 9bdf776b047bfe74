"""Elicitations in the cache's database: settings, questions, and every answer as it was given.

Figures and survivors are computed from the answers (`outcome.py`), never stored beside them, so that the two
cannot disagree.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.data.question import Question, tokens_of
from core.errors import StoreError
from core.store.database import Database
from core.store.runs import now

SCHEMA = """
CREATE TABLE IF NOT EXISTS elicitations (
    elicitation TEXT PRIMARY KEY, settings TEXT NOT NULL, facts TEXT NOT NULL, started TEXT NOT NULL,
    ended TEXT
);
CREATE TABLE IF NOT EXISTS elicited_questions (
    elicitation TEXT NOT NULL, number INTEGER NOT NULL, role TEXT NOT NULL, question TEXT NOT NULL,
    text TEXT NOT NULL, "group" TEXT NOT NULL, PRIMARY KEY (elicitation, role, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS elicited_answers (
    elicitation TEXT NOT NULL, cell INTEGER NOT NULL, number INTEGER NOT NULL, mode TEXT NOT NULL,
    demo_set INTEGER NOT NULL, "group" TEXT NOT NULL, label INTEGER NOT NULL, claim TEXT,
    generated TEXT NOT NULL, said INTEGER, p_0 REAL NOT NULL, p_1 REAL NOT NULL,
    PRIMARY KEY (elicitation, cell, number, mode)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Elicitation:
    """One elicitation as it stands.

    Attributes:
        settings: what `ElicitSettings.to_dict` gave.
        facts: the model's name, the grid's cells, what was left out of the grid and why, questions per rung.
        ended: when it was finished; None while it is not.
    """

    elicitation: str
    settings: dict
    facts: dict
    started: str
    ended: str | None


class ElicitStore:
    """All elicitations in a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.database = Database(cache)
        with self.database.connect() as connection:
            connection.executescript(SCHEMA)

    def begin(
        self,
        elicitation: str,
        settings: dict,
        facts: dict,
        asked: list[Question],
        shown: list[Question],
    ) -> None:
        """Record an elicitation; one that is there already stays as it is.

        Args:
            asked: its questions; shown: those that demonstrate. Both are to be left out of the winner's run.
        """
        with self.database.connect() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO elicitations (elicitation, settings, facts, started) "
                "VALUES (?, ?, ?, ?)",
                (elicitation, json.dumps(settings), json.dumps(facts), now()),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO elicited_questions VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (elicitation, number, role, question.id, question.text, question.group)
                    for role, questions in (("asked", asked), ("shown", shown))
                    for number, question in enumerate(questions)
                ],
            )

    def add_answers(self, elicitation: str, rows: list[dict]) -> None:
        """Commit answers; each has the columns that `answers` gives."""
        names = (
            "cell",
            "number",
            "mode",
            "demo_set",
            "group",
            "label",
            "claim",
            "generated",
            "said",
            "p_0",
            "p_1",
        )
        columns = ", ".join(f'"{name}"' for name in names)
        with self.database.connect() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO elicited_answers (elicitation, {columns}) "
                f"VALUES ({', '.join('?' * (len(names) + 1))})",
                [(elicitation, *(row[name] for name in names)) for row in rows],
            )

    def finish(self, elicitation: str) -> None:
        """Mark an elicitation finished."""
        with self.database.connect() as connection:
            connection.execute(
                "UPDATE elicitations SET ended = ? WHERE elicitation = ? AND ended IS NULL",
                (now(), elicitation),
            )

    def elicitation(self, name: str) -> Elicitation:
        """One elicitation by its id.

        Raises:
            StoreError: there is none.
        """
        with self.database.connect() as connection:
            row = connection.execute("SELECT * FROM elicitations WHERE elicitation = ?", (name,)).fetchone()
        if row is None:
            raise StoreError(f"there is no elicitation {name!r} in the cache: `telltale elicit` makes one")
        return Elicitation(
            row["elicitation"],
            json.loads(row["settings"]),
            json.loads(row["facts"]),
            row["started"],
            row["ended"],
        )

    def elicitations(self) -> list[Elicitation]:
        """Every elicitation, newest first."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT elicitation FROM elicitations ORDER BY started DESC, rowid DESC"
            ).fetchall()
        return [self.elicitation(row["elicitation"]) for row in rows]

    def answers(self, elicitation: str) -> pd.DataFrame:
        """Its answers: cell, number (of the question), mode, demo_set, group, label, claim (None in direct
        form), generated, said (0, 1 or NaN), p_0, p_1 (probability of each choice at the first token)."""
        with self.database.connect() as connection:
            frame = pd.read_sql_query(
                'SELECT cell, number, mode, demo_set, "group", label, claim, generated, said, p_0, p_1 '
                "FROM elicited_answers WHERE elicitation = ? ORDER BY cell, number, mode",
                connection,
                params=(elicitation,),
            )
        frame["said"] = frame["said"].astype(float)
        return frame

    def texts(self, elicitation: str) -> list[str]:
        """The texts of its questions, by number."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT text FROM elicited_questions WHERE elicitation = ? AND role = 'asked' "
                "ORDER BY number",
                (elicitation,),
            ).fetchall()
        return [row["text"] for row in rows]

    def made(self, elicitation: str) -> int:
        """How many answers there are."""
        with self.database.connect() as connection:
            found = connection.execute(
                "SELECT count(*) FROM elicited_answers WHERE elicitation = ?", (elicitation,)
            )
            return int(found.fetchone()[0])

    def used(self, elicitation: str) -> tuple[set[str], set[frozenset[str]]]:
        """The groups of its questions and demonstrations, and their texts as sets of words.

        Raises:
            StoreError: there is no such elicitation.
        """
        name = self.elicitation(elicitation).elicitation
        with self.database.connect() as connection:
            rows = connection.execute(
                'SELECT text, "group" FROM elicited_questions WHERE elicitation = ?', (name,)
            ).fetchall()
        return {row["group"] for row in rows}, {tokens_of(row["text"]) for row in rows} - {frozenset()}


def without_elicited(cache: Path, questions: list[Question], elicitation: str) -> list[Question]:
    """The questions less those that picked the settings, with their whole groups.

    A question counts as used where its group was, or where its words are those of a used text: groups are
    named within one source, so that the same text may come under another group from another file.

    Raises:
        StoreError: there is no such elicitation, or it used every group.
    """
    groups, texts = ElicitStore(cache).used(elicitation)
    used = groups | {question.group for question in questions if tokens_of(question.text) in texts}
    left = [question for question in questions if question.group not in used]
    if not left:
        raise StoreError(
            f"elicitation {elicitation} used every group of these questions, and none is left to ask: "
            "elicit on fewer, or bring more questions"
        )
    return left
