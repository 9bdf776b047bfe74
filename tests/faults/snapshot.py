"""What a run is, byte for byte, so that one that met faults is compared with one that did not.

Read from the files themselves and not by the program's own code, which is what is tested.
"""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

DATABASE = "telltale.sqlite"
TABLES = {
    "runs": "SELECT settings, facts, planned, complete FROM runs WHERE run = ?",
    "questions": "SELECT * FROM questions WHERE run = ? ORDER BY number",
    "answers": "SELECT * FROM answers WHERE run = ? ORDER BY answer",
    "calibrations": 'SELECT * FROM calibrations WHERE run = ? ORDER BY mode, wording, "order", demo_set',
}
PRUNING = {
    "steps": "SELECT run, who, at, scores_shown, state FROM steps WHERE run = ? ORDER BY step",
    "decisions": "SELECT decisions.* FROM decisions JOIN steps USING (step) WHERE run = ? "
    "ORDER BY step, answer",
}
LEFTOVERS = (".partial", ".part", ".tmp")
BLOCK = 32
"""Answers of a block in runs of up to 4,000."""


@dataclass(frozen=True)
class Snapshot:
    """A run's rows by table, and the hash of each file of its states by its path in the run's folder."""

    rows: dict[str, list[tuple]]
    files: dict[str, str]

    @property
    def answers(self) -> dict[int, tuple]:
        """The rows of answers by the answer's number."""
        return {row[1]: row for row in self.rows["answers"]}


def snapshot(cache: Path, run: str) -> Snapshot:
    """A run as it is on disk; its pruning is left out, which is laid over it."""
    return Snapshot(rows_of_run(cache, run, TABLES), state_files(cache / "runs" / run))


def pruning(cache: Path, run: str) -> dict[str, list[tuple]]:
    """Every step and decision on a run, whatever became of it."""
    return rows_of_run(cache, run, PRUNING)


def trail(cache: Path, run: str) -> list[tuple[int, str, str]]:
    """Every decision on a run in the order in which they were made: answer, action, who."""
    signed = "SELECT answer, action, who FROM decisions JOIN steps USING (step) WHERE run = ?"
    return rows_of_run(cache, run, {"trail": f"{signed} ORDER BY step, answer"})["trail"]


def rows_of_run(cache: Path, run: str, queries: dict[str, str]) -> dict[str, list[tuple]]:
    """The rows that each query finds of a run, by its name."""
    with closing(sqlite3.connect(cache / DATABASE)) as connection:
        return {name: connection.execute(query, (run,)).fetchall() for name, query in queries.items()}


def state_files(folder: Path) -> dict[str, str]:
    """The hash of each file of states in a run's folder, leftovers of a write that never ended aside."""
    kept = [path for kind in ("states", "tokens") for path in sorted((folder / kind).rglob("*"))]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
        if path.is_file() and not is_leftover(path)
    }


def is_leftover(path: Path) -> bool:
    """Whether a file is what a write that never ended leaves."""
    return path.suffix in LEFTOVERS


def differences(found: Snapshot, expected: Snapshot) -> tuple[str, ...]:
    """How a run differs from what it should be, in a few words each; nothing where it does not."""
    told = [
        f"{count_differing(found.rows[table], expected.rows[table])} rows of {table} differ"
        for table in expected.rows
        if found.rows[table] != expected.rows[table]
    ]
    names = found.files.keys() | expected.files.keys()
    files = sorted(name for name in names if found.files.get(name) != expected.files.get(name))
    return (*told, *([f"{len(files)} state files differ, {files[0]} first"] if files else []))


def count_differing(found: list[tuple], expected: list[tuple]) -> int:
    """Rows that are in one list and not in the other."""
    return len(set(found) ^ set(expected))


def broken_promises(cache: Path, run: str, expected: Snapshot) -> tuple[str, ...]:
    """What is wrong with a run that was cut off: each committed answer must be whole, states and all."""
    if not committed(cache):
        return ()
    found = snapshot(cache, run)
    other = [number for number, row in found.answers.items() if row != expected.answers.get(number)]
    blocks = {number // BLOCK for number in found.answers}
    missing = [
        name
        for name, content in expected.files.items()
        if block_of(name) in blocks and found.files.get(name) != content
    ]
    told = [f"{len(other)} committed answers differ"] if other else []
    return (*told, *([f"committed answers without {len(missing)} state files"] if missing else []))


def orphans(cache: Path) -> tuple[str, ...]:
    """What lies in a cache and belongs to no run and no committed answer."""
    with closing(sqlite3.connect(cache / DATABASE)) as connection:
        known = {row[0] for row in connection.execute("SELECT run FROM runs")}
        answers = set(connection.execute("SELECT run, answer FROM answers"))
    folders = [folder for folder in (cache / "runs").iterdir() if folder.is_dir()]
    told = [f"folder of no run {folder.name}" for folder in folders if folder.name not in known]
    for folder in folders:
        told += [f"leftover {path.name}" for path in folder.rglob("*") if is_leftover(path)]
    blocks = {(run, answer // BLOCK) for run, answer in answers}
    for folder in folders:
        of_none = [n for n in state_files(folder) if n.startswith("states/") and block_of(n) is not None]
        told += [
            f"states of no answer {name}" for name in of_none if (folder.name, block_of(name)) not in blocks
        ]
    return tuple(told)


def block_of(name: str) -> int | None:
    """The block of answers that a chunk of `states` holds; None for every other file."""
    parts = name.split("/")
    return int(parts[3]) if len(parts) > 3 and parts[0] == "states" and parts[2] == "c" else None


def committed(cache: Path) -> int:
    """Answers committed in a cache so far, whoever is at it; 0 before there is a database."""
    if not (cache / DATABASE).is_file():
        return 0
    with closing(sqlite3.connect(cache / DATABASE)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM answers").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
