"""Things that people save by name: templates, and sets of statements."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.data.statements import Statement
from core.errors import DataError, StoreError, TemplateError
from core.prompts.templates import BUILT_IN, Template
from core.store.database import Database
from core.store.journal import Journal
from core.store.runs import now

LONGEST_NAME = 100
TABLES = ("templates", "statement_sets")


def saved_rows(entries: Iterable[tuple[str, Any]]) -> dict[tuple[str, str], tuple]:
    """What stands saved after the entries of a cache folder's journal: rows by table and name."""
    rows: dict[tuple[str, str], tuple] = {}
    for kind, content in entries:
        if content["table"] not in TABLES:
            continue
        if kind == "saved":
            rows[content["table"], content["row"][0]] = tuple(content["row"])
        else:
            rows.pop((content["table"], content["name"]), None)
    return rows


def lost_rows(connection: sqlite3.Connection, journal: Journal) -> dict[tuple[str, str], tuple]:
    """Of what stands saved by the journal that which the database does not have."""
    there = {(table, row[0]) for table in TABLES for row in connection.execute(f"SELECT name FROM {table}")}
    return {key: row for key, row in saved_rows(journal.entries()).items() if key not in there}


def unjournalled_rows(connection: sqlite3.Connection, journal: Journal) -> list[tuple[str, Any]]:
    """Entries for what the database has and the journal does not say, as of programs before there was one."""
    said = saved_rows(journal.entries())
    return [
        ("saved", {"table": table, "row": tuple(row)})
        for table in TABLES
        for row in connection.execute(f"SELECT * FROM {table}")
        if (table, row["name"]) not in said
    ]


def put_back(connection: sqlite3.Connection, journal: Journal) -> int:
    """Put what was lost into the database again; gives how many rows that were."""
    lost = lost_rows(connection, journal)
    for (table, _), row in lost.items():
        connection.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)
    return len(lost)


class SavedStore:
    """Templates and statement sets in a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.journal = Journal(cache)
        self.database = Database(cache)

    def save_template(self, template: Template) -> None:
        """Keep a template under its name; an earlier one of that name is replaced.

        Raises:
            TemplateError: the name belongs to a built-in template.
        """
        if template.name in BUILT_IN:
            raise TemplateError(f"{template.name!r} is built in: save yours under another name")
        self._save("templates", template.name, template.to_dict())

    def templates(self) -> dict[str, Template]:
        """Built-in and saved templates by name."""
        return BUILT_IN | {name: Template.from_dict(value) for name, value in self._all("templates").items()}

    def template(self, name: str) -> Template:
        """A template by name. Raises `TemplateError` where there is none."""
        known = self.templates()
        if name not in known:
            raise TemplateError(f"there is no template {name!r}: choose {', '.join(known)}")
        return known[name]

    def save_statements(self, name: str, statements: list[Statement]) -> None:
        """Keep a set of statements with their expected labels; an earlier one of that name is replaced.

        Raises:
            StoreError: the name is empty or longer than 100 characters, or the set is empty.
        """
        name = name.strip()
        if not name:
            raise StoreError("a set of statements needs a name")
        if len(name) > LONGEST_NAME:
            raise StoreError(f"the name of a set has {len(name)} characters: the longest is {LONGEST_NAME}")
        if not statements:
            raise StoreError(f"set {name!r} would hold no statement: type at least one")
        self._save("statement_sets", name, {"statements": [asdict(statement) for statement in statements]})

    def statements(self, name: str) -> list[Statement]:
        """One saved set.

        Raises:
            StoreError: there is none of that name, or what is stored under it is damaged.
        """
        with self.database.connect() as connection:
            row = connection.execute("SELECT content FROM statement_sets WHERE name = ?", (name,)).fetchone()
        if row is None:
            known = ", ".join(self.statement_sets()) or "none are saved yet"
            raise StoreError(f"there is no set of statements {name!r}: {known}")
        try:
            return [Statement(**values) for values in json.loads(row["content"])["statements"]]
        except (ValueError, KeyError, TypeError, AttributeError, DataError) as error:
            raise StoreError(f"the set of statements {name!r} is damaged: save it again") from error

    def statement_sets(self) -> list[str]:
        """The names of the saved sets, in order."""
        with self.database.connect() as connection:
            rows = connection.execute("SELECT name FROM statement_sets ORDER BY name").fetchall()
        return [row["name"] for row in rows]

    def delete_statements(self, name: str) -> None:
        """Delete a saved set; one that is not there is no mistake."""
        with self.database.connect() as connection:
            connection.execute("DELETE FROM statement_sets WHERE name = ?", (name,))
            self.journal.append(("deleted", {"table": "statement_sets", "name": name}))

    def _save(self, table: str, name: str, content: dict) -> None:
        row = (name, json.dumps(content), now())
        with self.database.connect() as connection:
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", row)
            self.journal.append(
                *unjournalled_rows(connection, self.journal), ("saved", {"table": table, "row": row})
            )

    def _all(self, table: str) -> dict[str, dict]:
        with self.database.connect() as connection:
            rows = connection.execute(f"SELECT name, content FROM {table} ORDER BY name").fetchall()
        return {row["name"]: json.loads(row["content"]) for row in rows}
