"""Tables as CSV in which no text is a formula: a spreadsheet runs cells that begin as one does.

As OWASP's "CSV Injection" has it, an apostrophe goes before such a text. Numbers stay as they are.
"""

import re
from os import PathLike

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""How a text begins that is marked. With apostrophes of its own it is too, or the mark could not be told."""


def marked(cell: object) -> object:
    """A cell as it is written: text that begins as a formula does gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def unmarked(text: str) -> str:
    """The text that `marked` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def as_csv(frame: pd.DataFrame) -> str:
    """A table without its index, texts and names of columns marked, lines ended as RFC 4180 has it.

    Else a carriage return within a text would not be quoted, and what follows it would begin a row.
    """
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = frame.assign(**{name: frame[name].map(marked) for name in texts})
    return safe.rename(columns=marked).to_csv(index=False, lineterminator="\r\n")


def to_csv(frame: pd.DataFrame, path: str | PathLike) -> None:
    """Write a table as `as_csv` has it. Raises `OSError` where the file cannot be written."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(as_csv(frame))
