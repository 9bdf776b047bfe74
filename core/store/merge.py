"""Puts the shards of a harvest together: chunk files and rows are copied as they are.

A shard is the same run in a cache of its own, with some of its answers. A block's states have their chunks to
themselves, so that shards never share one.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from core.errors import StoreError
from core.store.chunks import layout_of
from core.store.database import NAME
from core.store.remarks import RemarkStore
from core.store.remote import Folder, RemoteFolder, folders_in
from core.store.remote_chunks import chunk_name
from core.store.runs import Run, RunStore

OF_THE_MACHINE = ("batch_tokens",)
"""Facts that may differ between shards: they say how, and not what, was computed."""


@dataclass(frozen=True)
class Merged:
    """What a merge came to: how many answers were taken from the shards, and are there of those planned."""

    run: str
    taken: int
    answers: int
    planned: int

    @property
    def missing(self) -> int:
        """Answers that no shard had."""
        return self.planned - self.answers


def merge_shards(
    store: RunStore, shards: Sequence[Path], progress: Callable[[float, str], None] = lambda *_: None
) -> list[Merged]:
    """Take the runs of shards into a store; what is there already stays, so that a merge can be repeated.

    Args:
        shards: cache folders.

    Raises:
        StoreError: a folder is no cache, two shards of one run differ in settings or model, or a shard's run
            is damaged or being written: nothing of any run is taken then. Also where a run of this store is
            being written or a copy fails: whole answers that were taken before stay, and a repeat goes on.
    """
    found: dict[str, list[tuple[RunStore, Run]]] = {}
    for folder in shards:
        if not (folder / NAME).is_file():
            raise StoreError(f"{folder} is no shard: it has no {NAME}")
        part = RunStore(folder)
        for run in part.runs():
            found.setdefault(run.run, []).append((part, run))
    check_together(list(found.values()))
    for parts in found.values():
        check_parts(store, parts)
    merged, total = [], sum(map(len, found.values()))
    done = 0
    for name, parts in found.items():
        taken = 0
        for part, run in parts:
            progress(done / total, f"run {name}: {part.cache.name}")
            taken += take(store, part, run)
            done += 1
        now = store.run(name)
        if now.answers >= now.planned and not now.complete:
            store.finish(name)
        merged.append(Merged(name, taken, now.answers, now.planned))
    return merged


def check_together(runs: Sequence[Sequence[tuple[RunStore, Run]]]) -> None:
    """Refuse two runs that no shard has both of: parts of one harvest that was typed in two ways."""
    for one, other in combinations(runs, 2):
        if not {part.cache for part, _ in one} & {part.cache for part, _ in other}:
            (first, mine), (second, theirs) = one[0], other[0]
            differs = _first_difference(mine.settings, theirs.settings) or "model"
            raise StoreError(
                f"{first.cache.name} has run {mine.run} and {second.cache.name} has run {theirs.run}: they "
                f"were harvested with another {differs}"
            )


def check_parts(store: RunStore, parts: Sequence[tuple[RunStore, Run]]) -> None:
    """Refuse parts of a run that were not made alike, that are damaged or that are being written."""
    there = [(store, run) for run in store.runs() if run.run == parts[0][1].run]
    (first_store, first), *others = [*there, *parts]
    for part, run in others:
        for what, one, two in (
            ("settings", first.settings, run.settings),
            ("facts", _lasting(first.facts), _lasting(run.facts)),
        ):
            if one != two:
                raise StoreError(
                    f"run {run.run} in {part.cache.name} and in {first_store.cache.name} differ in {what}: "
                    f"{_first_difference(one, two)}; only shards that were harvested alike can be merged"
                )
    for part, run in parts:
        if run.state == "growing":
            raise StoreError(f"run {run.run} in {part.cache.name} is being written: wait for it")
        if part.damaged(run.run):
            raise StoreError(
                f"states of run {run.run} in {part.cache.name} are damaged: `telltale doctor --repair "
                f"--cache {part.cache}`, and harvest that shard again"
            )


def take(store: RunStore, part: RunStore, run: Run) -> int:
    """Copy the answers of a shard that are not there yet, states first, and its remarks; gives how many."""
    with store.writing(run.run):
        store.settle(run.run)
        store.begin(run.run, run.settings, run.facts, run.planned, part.questions(run.run))
        RemarkStore(store.cache).take_in(run.run, RemarkStore(part.cache).of(run.run))
        done = store.done(run.run)
        rows = [row for row in part.rows(run.run) if row["answer"] not in done]
        if not rows:
            return 0
        answers = [row["answer"] for row in rows]
        mine, theirs = store.states(run.run).folder, part.states(run.run).folder
        for position in sorted(folders_in(theirs)):
            copy_chunks(theirs / position, mine / position, answers)
        places = [row["first_token"] + number for row in rows for number in range(row["tokens"] or 0)]
        if places:
            copy_chunks(part.token_states(run.run).folder, store.token_states(run.run).folder, places)
        for calibration in part.calibrations(run.run).to_dict("records"):
            store.add_calibration(run.run, calibration)
        store.add_answers(run.run, rows)
        return len(rows)


def copy_chunks(source: Folder, target: Folder, rows: Sequence[int]) -> None:
    """Copy the chunks that hold these rows of an array, whole or not at all each.

    Raises:
        StoreError: they cannot be read or written.
    """
    try:
        if not (target / "zarr.json").is_file():
            copy_whole(source / "zarr.json", target / "zarr.json")
        layout = layout_of(source)
        for number in sorted({row // layout.each for row in rows}):
            for layer in range(layout.layers):
                chunk = chunk_name(number, layer)
                with suppress(FileNotFoundError):  # older runs wrote none where no answer had the position
                    copy_whole(source / chunk, target / chunk)
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"states cannot be copied from {source}: {error}") from error


def copy_whole(source: Folder, target: Folder) -> None:
    """Copy a file, whole or not at all; raises `OSError`."""
    if isinstance(target, RemoteFolder):
        target.write_bytes(source.read_bytes())
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".partial")
    if isinstance(source, RemoteFolder):
        part.write_bytes(source.read_bytes())
    else:
        shutil.copyfile(source, part)
    part.replace(target)


def _first_difference(one: dict, two: dict) -> str | None:
    """The first name under which two dictionaries differ, those within them by `outer.inner`."""
    for name in sorted(one.keys() | two.keys()):
        mine, theirs = one.get(name), two.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            if (inner := _first_difference(mine, theirs)) is not None:
                return f"{name}.{inner}"
        elif mine != theirs:
            return name
    return None


def _lasting(facts: dict) -> dict:
    return {name: value for name, value in facts.items() if name not in OF_THE_MACHINE}
