"""Finds what is unsound in a cache folder, and mends what can be mended without losing anything.

What is found: a database that is damaged or gone, states that cannot be read, runs without a journal or a
folder, folders that no run owns, and what writing left behind when it was killed. Runs that are being written
are left alone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import DamagedDatabase, StatesOutOfReach, StoreError
from core.store.chunks import BadChunk
from core.store.database import NAME, Database
from core.store.journal import Journal
from core.store.lock import is_held
from core.store.rebuild import rebuild_database
from core.store.record import entries_of, replay, run_folder
from core.store.runs import Run, RunStore
from core.store.saved import lost_rows, put_back, unjournalled_rows
from core.store.trash import Trash

LEFTOVERS = ("**/*.partial", "**/*.part")
OLD = 3600.0
"""Seconds after which a half-written file outside of runs is taken for a leftover."""
NAMED = 3


@dataclass(frozen=True)
class Fault:
    """Something unsound.

    Attributes:
        what: in a sentence.
        mend: puts it right and says how; None where a person has to.
    """

    what: str
    mend: Callable[[], str] | None


def check_database(cache: Path) -> Fault | None:
    """What is wrong with the database; with a newer program's nothing is done."""
    journals = any(Journal(folder).is_there for folder in _folders(cache))
    if not (cache / NAME).exists():
        if not journals:
            return None
        what = f"{NAME} is gone, and there are runs"
    else:
        try:
            faults = Database(cache).faults()
        except DamagedDatabase as error:
            faults = [str(error)]
        except StoreError as error:
            return Fault(str(error), None)
        if not faults:
            return None
        what = f"{NAME} is damaged: {faults[0]}"

    def mend() -> str:
        held = [folder.name for folder in _folders(cache) if is_held(folder)]
        if held:
            raise StoreError(f"run {held[0]} is being written: stop that first, and repair again")
        came_back = rebuild_database(cache)
        return f"made anew from {len(came_back)} journals and what could still be read; the old one is kept"

    return Fault(what, mend)


def check_runs(cache: Path, looked_at: Callable[[], None] = lambda: None) -> Iterator[Fault]:
    """What is wrong with runs and their folders.

    Args:
        looked_at: called after each run: all of its states are read.

    Raises:
        StoreError: the database cannot be used.
    """
    store = RunStore(cache)
    runs = {run.run: run for run in store.runs()}
    alone = []
    for run in runs.values():
        if run.state != "growing":
            try:
                yield from _check_run(store, run)
            except StatesOutOfReach as error:
                yield Fault(f"the states of run {run.run} cannot be checked: {error}", None)
            folder = run_folder(cache, run.run)
            if folder.is_dir() and not _is_journalled(store, run.run):
                alone.append(run.run)
        looked_at()
    if alone:
        yield Fault(
            f"runs without a journal of all their answers: {', '.join(alone[:NAMED])}"
            f"{' …' if len(alone) > NAMED else ''} ({len(alone)}); in a damaged database they would be lost",
            lambda: _write_journals(store, alone),
        )
    for folder in _folders(cache):
        if folder.name not in runs and not is_held(folder):
            yield _orphan(store, folder)
    with store.database.connect() as connection:
        lost = [name for _, name in lost_rows(connection, Journal(cache))]
        unsaid = unjournalled_rows(connection, Journal(cache))
    if unsaid:
        yield Fault(
            f"{len(unsaid)} templates and sets of statements stand in the database alone",
            lambda: _journal_saved(store),
        )
    if lost:
        yield Fault(f"{lost[0]!r} was saved, and the database lacks it", lambda: _put_back(store))
    leftovers = list(_leftovers(cache))
    if leftovers:
        yield Fault(
            f"{len(leftovers)} half-written files were left behind, such as {leftovers[0].name}",
            lambda: _delete(leftovers),
        )


def _check_run(store: RunStore, run: Run) -> Iterator[Fault]:
    if run.answers and not store.states(run.run).is_there:
        if (url := store.url_of_states(run.run)) is not None:
            yield Fault(
                f"run {run.run} has {run.answers:,} answers, and nothing is at {url}, where its states were: "
                f"bring them back, or `telltale runs delete {run.run}`",
                None,
            )
            return
        yield Fault(
            f"run {run.run} has {run.answers:,} answers and no states",
            lambda: _give_up(store, run.run),
        )
        return
    gone = store.gone_positions(run)
    if gone:
        yield Fault(
            f"the states of run {run.run} at {', '.join(gone)} are gone: all of its answers are affected",
            lambda: _reopen(store, run.run),
        )
    try:
        bad = store.damaged(run.run)
    except (OSError, ValueError, KeyError) as error:
        yield Fault(
            f"the states of run {run.run} are not described any more ({error})",
            lambda: _reopen(store, run.run),
        )
        return
    if bad:
        yield Fault(in_words(run.run, bad), lambda: _set_aside(store, run.run))
    if run.state == "complete" and run.answers < run.planned:
        yield Fault(
            f"run {run.run} is said to be complete and has {run.answers:,} of {run.planned:,} answers",
            lambda: _reopen(store, run.run),
        )


def in_words(run: str, bad: list[tuple[BadChunk, list[int]]]) -> str:
    """Which states of a run are damaged, and which answers that touches."""
    answers = sorted({answer for _, held in bad for answer in held})
    named = "; ".join(f"{chunk.array.name}, {chunk.in_words}" for chunk, _ in bad[:NAMED])
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return (
        f"{len(bad)} chunks of run {run} cannot be read ({named}{more}): {len(answers):,} answers are "
        f"affected, {ranges(answers)}"
    )


def ranges(numbers: list[int]) -> str:
    """Numbers in order, neighbours drawn together: `0 to 31, 64`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    told = [f"{first} to {last}" if last > first else str(first) for first, last in spans[:10]]
    return ", ".join(told) + (f" and {len(spans) - 10} more" if len(spans) > 10 else "")


def _set_aside(store: RunStore, run: str) -> str:
    with store.writing(run):
        answers = store.set_damaged_aside(run)
    return f"{len(answers):,} answers set aside: the same harvest makes them again"


def _write_journals(store: RunStore, runs: list[str]) -> str:
    for run in runs:
        with store.writing(run), store.database.connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            Journal(run_folder(store.cache, run)).create(entries_of(connection, run))
    return f"{len(runs)} journals are written"


def _reopen(store: RunStore, run: str) -> str:
    with store.writing(run):
        store.set_aside(run, [])
    return "it is interrupted now: the same harvest makes what is missing"


def _give_up(store: RunStore, run: str) -> str:
    if store.states(run).is_there:
        return "its states are there again"
    store.delete(run)
    return "the run is in the trash: the same harvest makes it again, and its decisions apply to it"


def _orphan(store: RunStore, folder: Path) -> Fault:
    run, journal = folder.name, Journal(folder)
    if journal.tells_of_a_run:

        def rebuild() -> str:
            with store.writing(run), store.database.connect() as connection:
                replay(connection, run, journal.entries())
            return f"run {run} is back, with {len(store.done(run)):,} answers"

        return Fault(f"the database does not know run {run}, whose journal is there", rebuild)

    def discard() -> str:
        with store.writing(run):
            if any(known.run == run for known in store.runs()):
                return f"{run} has begun meanwhile"
            Trash(store.cache).put(folder)
        return f"{run} is moved to the trash"

    return Fault(f"folder {run} belongs to no run", discard)


def _journal_saved(store: RunStore) -> str:
    with store.database.connect() as connection:
        connection.execute("BEGIN IMMEDIATE")
        journal = Journal(store.cache)
        journal.append(*unjournalled_rows(connection, journal))
    return "they are in the journal, too"


def _is_journalled(store: RunStore, run: str) -> bool:
    """Whether a run's journal tells of it and of each of its answers."""
    journal = Journal(run_folder(store.cache, run))
    return journal.tells_of_a_run and store.done(run) <= journal.answers()


def _put_back(store: RunStore) -> str:
    with store.database.connect() as connection:
        return f"{put_back(connection, Journal(store.cache))} templates and sets of statements are back"


def _leftovers(cache: Path) -> Iterator[Path]:
    """Half-written files: of runs that nobody writes, and elsewhere those that are old."""
    for folder in _folders(cache):
        if not is_held(folder):
            yield from (path for pattern in LEFTOVERS for path in folder.glob(pattern))
    for place in ("derived", "probes", "data"):
        for pattern in LEFTOVERS:
            for path in (cache / place).glob(pattern):
                try:
                    if time.time() - path.stat().st_mtime > OLD:
                        yield path
                except FileNotFoundError:
                    continue


def _delete(leftovers: list[Path]) -> str:
    for path in leftovers:
        path.unlink(missing_ok=True)
    return f"{len(leftovers)} files deleted"


def _folders(cache: Path) -> list[Path]:
    runs = cache / "runs"
    return sorted(folder for folder in runs.iterdir() if folder.is_dir()) if runs.is_dir() else []
