"""`telltale runs`: what is stored, found, shown, remarked on, deleted, taken back and put together."""

import re
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from core.all_runs import all_runs, matching
from core.best_of import best_of_summary
from core.commands.decisions import belief_line
from core.commands.options import Result
from core.errors import StoreError
from core.labels import belief_summary, mode_summary
from core.labels_of_run import labelled
from core.open_summary import outcome_table
from core.paths import SHARDS
from core.progress import progress_bar
from core.shown import quoted
from core.store.checkup import ranges
from core.store.database import NAME
from core.store.decisions import DecisionStore
from core.store.disk import run_bytes
from core.store.merge import merge_shards
from core.store.remarks import Remarks, RemarkStore
from core.store.runs import Run, RunStore
from core.store.trash import Trash

OF_ALL = ("list", "trash", "empty-trash")
REMARKING = ("tag", "untag", "note")


def runs(cache: Path, options: Namespace) -> Result:
    """List or search runs, show, tag, note or delete one; list the trash, restore from it, empty it."""
    store = RunStore(cache)
    if options.search is not None and options.action != "list":
        raise StoreError(f"--search is of `telltale runs list`, not of `telltale runs {options.action}`")
    if options.action == "merge":
        return merge(store, [Path(folder) for folder in options.run])
    if options.action in REMARKING:
        return remark(store, options.action, options.run)
    if len(options.run) > 1:
        raise StoreError(f"`telltale runs {options.action}` takes one run, not {len(options.run)}")
    options.run = next(iter(options.run), None)
    if options.action in OF_ALL and options.run:
        raise StoreError(
            f"`telltale runs {options.action}` takes no run: use `telltale runs show {options.run}`"
        )
    if options.action == "list":
        return list_runs(store, options.search or "")
    if options.action == "trash":
        return list_trash(cache)
    if options.action == "empty-trash":
        freed = Trash(cache).empty()
        return {"freed": freed}, f"the trash is empty: {freed / 1e6:,.0f} MB freed"
    if not options.run:
        raise StoreError(f"which run? give `telltale runs {options.action}` a run's id")
    if options.action == "restore":
        restored = store.restore(options.run)
        return {"run": restored, "restored": True}, f"{restored} is back"
    run = store.run(options.run)
    if options.action == "delete":
        store.delete(run.run)
        how = f"{run.run} is in the trash: `telltale runs restore {run.run}` brings it back"
        return {"run": run.run, "deleted": True}, how
    summary = summarise(store, run)
    told = {name: value for name, value in summary.items() if name != "beliefs"}
    lines = [f"{name}: {value}" for name, value in told.items()]
    lines.append(f"beliefs: {belief_line(summary['beliefs'], summary['beliefs']['margin'])}")
    return summary, "\n".join(lines)


def merge(store: RunStore, folders: list[Path]) -> Result:
    """Put the shards in these folders together, by default those that `harvest --shard` left in the cache."""
    shards = folders or sorted(
        folder for folder in (store.cache / SHARDS).glob("*-of-*") if (folder / NAME).is_file()
    )
    if not shards:
        raise StoreError("there are no shards: `telltale harvest --shard 1/4 …` makes one")
    with progress_bar(1.0, "") as bar:

        def show(fraction: float, what: str) -> None:
            bar.set_description(what)
            bar.update(fraction - bar.n)

        merged = merge_shards(store, shards, show)
    lines = [
        f"{one.run}: {one.answers:,} of {one.planned:,} answers, {one.taken:,} from {len(shards)} shards"
        + (f"; {one.missing:,} are missing: {absent(shards)}" if one.missing else ", complete")
        for one in merged
    ]
    runs = [{**asdict(one), "missing": one.missing} for one in merged]
    return {"ok": not any(one.missing for one in merged), "runs": runs}, "\n".join(lines)


def absent(shards: list[Path]) -> str:
    """Which parts are not among the shards, by their names; else that one of them is not finished."""
    named = [found for shard in shards if (found := re.fullmatch(r"([0-9]+)-of-([0-9]+)", shard.name))]
    of = {int(found[2]) for found in named}
    if len(of) == 1 and (lacking := set(range(1, of.pop() + 1)) - {int(found[1]) for found in named}):
        return f"shards {ranges(sorted(lacking))} are not there"
    return "a shard is not finished: harvest it again"


def remark(store: RunStore, action: str, words: list[str]) -> Result:
    """Tag a run, take tags from it, or put a note on it.

    Args:
        words: the run, and the tags or the note.
    """
    name, *said = words or [""]
    run = store.run(name).run
    remarks = RemarkStore(store.cache)
    if action == "note":
        if len(said) != 1:
            raise StoreError(
                f'the note is one text: `telltale runs note {run} "text"`; an empty text takes it away'
            )
        found = remarks.set_note(run, said[0])
    elif not said:
        raise StoreError(f"which tags? give `telltale runs {action} {run}` one word or more")
    else:
        found = remarks.tag(run, said) if action == "tag" else remarks.untag(run, said)
    return {"run": run, "tags": found.tags, "note": found.note}, _remarked(run, found)


def _remarked(run: str, found: Remarks) -> str:
    tags = f"tags {', '.join(found.tags)}" if found.tags else "no tags"
    return f"{run}: {tags}; " + (f"note: {found.note}" if found.note else "no note")


def list_runs(store: RunStore, text: str) -> Result:
    """Every run, or those that a text is found in, with its size on the disk."""
    there = all_runs(store)
    wanted = set(matching(there, text)["run"])
    found = [summarise(store, run) for run in store.runs() if run.run in wanted]
    lines = [
        f"{r['run']}  {r['state']:<11}  {r['answers']:>6} answers  {r['bytes'] / 1e6:>8,.0f} MB  {r['title']}"
        + (f"  [{', '.join(r['tags'])}]" if r["tags"] else "")
        for r in found
    ]
    none = (
        f"none of {len(there):,} runs holds {quoted(text)}"
        if len(there)
        else "no runs yet: `telltale harvest` makes one"
    )
    return {"runs": found}, "\n".join(lines) or none


def list_trash(cache: Path) -> Result:
    """What was deleted and can be restored, the last deleted first."""
    found: list[dict] = [
        {"name": entry.name, "run": entry.run, "deleted": entry.at, "bytes": entry.bytes}
        for entry in Trash(cache).entries()
    ]
    lines = [f"{e['name']}  {e['bytes'] / 1e6:>8,.0f} MB  deleted {e['deleted']} UTC" for e in found]
    return {"trash": found}, "\n".join(lines) or "the trash is empty"


def states_at(store: RunStore, run: str) -> str | None:
    """Where a run's states are, where that is not the cache; why it cannot be told, for a list goes on."""
    try:
        return store.url_of_states(run)
    except StoreError as error:
        return str(error)


def summarise(store: RunStore, run: Run) -> dict:
    """A run under the names that scripts count on."""
    frame, remarks = labelled(store, run.run), RemarkStore(store.cache).of(run.run)
    return {
        "run": run.run,
        "title": run.title,
        "tags": list(remarks.tags),
        "note": remarks.note,
        "states_at": states_at(store, run.run),
        "model": run.facts["model"],
        "adapter": run.facts["adapter"],
        "left_out": run.settings["data"].get("left_out"),
        "template": run.settings["template"]["name"],
        "style": run.style,
        "state": run.state,
        "answers": run.answers,
        "planned": run.planned,
        "bytes": run_bytes(store.cache, run.run),
        "honest": mode_summary(frame, "honest"),
        "lie": mode_summary(frame, "lie"),
        "open": None if (outcomes := outcome_table(frame)) is None else outcomes.to_dict("records"),
        "best_of": None if (chosen := best_of_summary(frame)) is None else chosen.to_json(),
        "dropped": int((frame["action"] == "drop").sum()),
        "not_finite": int(frame["not_finite"].sum()),
        "beliefs": belief_summary(frame) | {"margin": DecisionStore(store.cache).margin(run.run)},
    }
