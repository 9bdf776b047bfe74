"""Tables that people bring: CSV, JSON lines and Parquet, read as data only: never unpickled or evaluated.

What cannot be read is refused with the file, the line and, where there is one, the column. Rows, columns,
cells and bytes have limits, so that no file fills the memory. Parquet is the business of `parquet`; what the
columns mean is decided in `uploads`.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.parquet import Limits, read_parquet
from core.downloads import replace_atomically
from core.errors import DataError, StoreError
from core.files import read_file, text_lines
from core.shown import named, quoted

SUFFIXES = (".csv", ".jsonl", ".parquet")
MAX_ROWS = 1_000_000
MAX_COLUMNS = 1_000
MAX_CELLS = 20_000_000
MAX_LINES = 10_000_000
MAX_BYTES = 1 << 30
OTHER_KINDS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip or Excel",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PAR1": "Parquet",
}
"""What files that are no UTF-8 text begin with."""


def read_table(source: Path | str | bytes, name: str | None = None) -> pd.DataFrame:
    """One table, as it stands in a file or in uploaded bytes.

    Args:
        source: a path, or the content of a file.
        name: what to call it, with its extension; needed for bytes, by default the file's name.

    Returns:
        A data frame whose index is the line of the file at which each row starts, named `line` (for Parquet
        the row from 1, named `row`). Every CSV value is text.

    Raises:
        DataError: the file is missing, empty, of another kind, malformed, or larger than 1,000,000 rows,
            20,000,000 cells or 1 GiB.
    """
    if isinstance(source, bytes):
        if name is None:
            raise DataError("uploaded bytes need a file name that ends in " + _listed(SUFFIXES))
        suffix = _suffix(name)
        content = source
    else:
        name = name or Path(source).name
        suffix = _suffix(name)
        content = read_file(source, MAX_BYTES, DataError)
    name = named(name)
    if not content.strip():
        raise DataError(f"{name} is empty")
    if suffix == ".parquet":
        frame = read_parquet(content, name, Limits(MAX_ROWS, MAX_COLUMNS, MAX_CELLS, MAX_BYTES))
    elif suffix == ".csv":
        frame = _read_csv(_decode(content, name), name)
    else:
        frame = _read_jsonl(_decode(content, name), name)
    if frame.empty:
        raise DataError(f"{name} has no rows")
    return frame


def keep_upload(cache: Path, name: str, content: bytes) -> Path:
    """Keep an uploaded table under a name of our own making: its hash, and a plain form of its name.

    Raises:
        DataError: see `read_table`. StoreError: the cache cannot be written.
    """
    read_table(content, name)
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem)[:60] or "table"
    path = cache / "data" / "uploads" / hashlib.sha256(content).hexdigest()[:12] / f"{plain}{_suffix(name)}"
    try:
        if not path.is_file():
            replace_atomically(path, content)
    except OSError as error:
        raise StoreError(f"{named(name)} cannot be kept in the cache: {error.strerror or error}") from error
    return path


def is_table_name(name: str) -> bool:
    """Whether the name ends like a table that can be read."""
    return Path(name).suffix.lower() in SUFFIXES


def _suffix(name: str) -> str:
    if not is_table_name(name):
        kind = Path(name).suffix or "no extension"
        raise DataError(
            f"{named(name)} ({named(kind)}) is not a table that can be read: choose {_listed(SUFFIXES)}"
        )
    return Path(name).suffix.lower()


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _decode(content: bytes, name: str) -> str:
    for beginning, kind in OTHER_KINDS.items():
        if content.startswith(beginning):
            raise DataError(f"{name} is a {kind} file by its first bytes: save it as UTF-8 text")
    if max(content.count(b"\n"), content.count(b"\r")) > MAX_LINES:
        raise DataError(f"{name} has more than {MAX_LINES:,} lines: split it or take a sample")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise DataError(f"{name} line {line}: byte 0x{byte:02x} is not UTF-8; save it as UTF-8") from error


def _check_columns(columns: list[str], name: str) -> None:
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{name} has {len(columns):,} columns: at most {MAX_COLUMNS:,} can be read")
    for column in columns:
        if columns.count(column) > 1:
            raise DataError(f"{name} has two columns named {quoted(column)}: rename one")


def _check_size(rows: int, columns: int, name: str) -> None:
    if rows > MAX_ROWS:
        raise DataError(f"{name} has more than {MAX_ROWS:,} rows: split it or take a sample")
    if rows * columns > MAX_CELLS:
        raise DataError(f"{name} has more than {MAX_CELLS:,} cells: leave out columns, or take a sample")


def _read_csv(text: str, name: str) -> pd.DataFrame:
    first = text.lstrip().partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(text_lines(text), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for row in reader:
            if row and header is None:
                header = [value.strip() or f"column {place}" for place, value in enumerate(row, start=1)]
                _check_columns(header, name)
            elif row and header is not None:
                if len(row) != len(header):
                    raise DataError(
                        f"{name} line {line}: {len(row)} values, but the header has {len(header)} columns; "
                        "put quotes around a value that holds a comma"
                    )
                rows.append(row)
                lines.append(line)
                _check_size(len(rows), len(header), name)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{name} line {line}: {error}; check its quotes") from error
    return pd.DataFrame(rows, columns=header, index=pd.Index(lines, name="line"), dtype=object)


def _read_jsonl(text: str, name: str) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(_json_lines(text), start=1):
        if not line.strip():
            continue
        row = _json_object(line, f"{name} line {number}")
        rows.append(row)
        lines.append(number)
        columns.update(dict.fromkeys(row))
        _check_size(len(rows), len(columns), name)
        if len(columns) > MAX_COLUMNS:
            _check_columns(list(columns), name)
    values = [[row.get(column) for column in columns] for row in rows]
    return pd.DataFrame(values, columns=list(columns), index=pd.Index(lines, name="line"), dtype=object)


def _json_lines(text: str) -> Iterator[str]:
    """The lines without their ends, one after the other."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if "\\u" in line:
            json.dumps(row, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON ({error.msg} at character {error.pos + 1})") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: an escape such as \\ud800 is half a character") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: a value that is too long or too deeply nested") from error
    if not isinstance(row, dict):
        raise DataError(f'{where}: expected an object such as {{"text": "…", "label": "…"}}')
    return row
