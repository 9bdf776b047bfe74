"""Things that people save by name: templates, and sets of statements."""

import json
from pathlib import Path

from core.errors import StoreError, TemplateError
from core.prompts.templates import BUILT_IN, Template
from core.store.database import Database
from core.store.runs import now


class SavedStore:
    """Templates and statement sets in a cache folder."""

    def __init__(self, cache: Path) -> None:
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

    def save_statements(self, name: str, statements: list[dict]) -> None:
        """Keep a set of statements with their expected labels."""
        if not name.strip():
            raise StoreError("a set of statements needs a name")
        self._save("statement_sets", name.strip(), {"statements": statements})

    def statements(self) -> dict[str, list[dict]]:
        """Every saved set by name."""
        return {name: value["statements"] for name, value in self._all("statement_sets").items()}

    def _save(self, table: str, name: str, content: dict) -> None:
        with self.database.connect() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", (name, json.dumps(content), now())
            )

    def _all(self, table: str) -> dict[str, dict]:
        with self.database.connect() as connection:
            rows = connection.execute(f"SELECT name, content FROM {table} ORDER BY name").fetchall()
        return {row["name"]: json.loads(row["content"]) for row in rows}
