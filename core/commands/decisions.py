"""What `telltale decisions` does: decide, undo, travel as CSV, apply rules, and tell how far people agree."""

import getpass
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from core.agreement import agreements, disagreements
from core.beliefs import BASES
from core.errors import DataError, StoreError
from core.labels import belief_summary
from core.labels_of_run import judged, labelled
from core.pruning.apply import apply_rules, count_marks, drops_of
from core.store.decision import ACTIONS, DEFAULT_REASON, REASONS
from core.store.decisions import DecisionStore
from core.store.runs import RunStore

ACTS = ("show", "export", "import", "undo", "redo", *ACTIONS, "rules", "agreement", "beliefs")
ORIGIN = "command line"


def decisions(cache: Path, options: Namespace) -> tuple[dict, str]:
    """Show, export, import, undo, redo, decide, apply rules, compare people, or set the belief margin."""
    action, name = options.action, options.run
    if action not in ACTS and name in ACTS:  # `telltale decisions RUN rules` reads as well
        action, name = name, action
    if action not in ACTS:
        raise StoreError(f"unknown action {action!r}: choose {', '.join(ACTS)}")
    store, made = RunStore(cache), DecisionStore(cache)
    run = store.run(name).run
    if action in ("rules", "agreement", "beliefs"):
        return {"rules": _rules, "agreement": _agreement, "beliefs": _beliefs}[action](
            store, made, run, options
        )
    who = options.who or user_name()
    if action == "export":
        if not options.file:
            raise DataError("export needs --file")
        write_text(options.file, made.export_csv(run))
    elif action == "import":
        if not options.file:
            raise DataError("import needs --file")
        try:
            content = Path(options.file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{options.file} cannot be read: {error}") from error
        made.import_csv(run, content, who, store.done(run))
    elif action in ("undo", "redo"):
        if not getattr(made, action)(run, who):
            raise StoreError(f"there is nothing to {action} for {who} in run {run}")
    elif action in ACTIONS:
        wanted = options.answer or []
        if missing := sorted(set(wanted) - store.done(run)):
            raise StoreError(f"run {run} has no answer {missing[0]}")
        reason = options.reason or DEFAULT_REASON[action]
        if reason not in (*REASONS, DEFAULT_REASON[action]):
            raise StoreError(f"unknown reason {reason!r}: choose {', '.join(REASONS)}")
        everywhere = options.everywhere and action == "drop"
        made.decide(run, wanted, action, reason, who, everywhere=everywhere, origin=ORIGIN)
    standing = [asdict(decision) for decision in made.current(run).values()]
    dropped = [decision for decision in made.current(run).values() if decision.action == "drop"]
    reaching = sum(decision.reaches_test for decision in dropped)
    text = (
        f"{run}: {len(standing)} decisions, {len(dropped)} dropped: {reaching} from all data, "
        f"{len(dropped) - reaching} from training data only"
    )
    return {"run": run, "decisions": standing}, text


def _rules(store: RunStore, made: DecisionStore, run: str, options: Namespace) -> tuple[dict, str]:
    """What the rules mark, and with --apply the one step that drops it."""
    on, frame = options.rule or [], judged(store, run)
    counts = count_marks(frame, on)
    new = len(drops_of(frame, on, made.current(run), everywhere=options.everywhere))
    if options.apply:
        if not on:
            raise StoreError(
                "--apply needs --rule, once for each rule: `telltale decisions RUN rules` lists them"
            )
        apply_rules(made, run, frame, on, options.who or user_name(), everywhere=options.everywhere)
    result = {
        "run": run,
        "answers": len(frame),
        "rules": [count.to_json() for count in counts],
        "new": new,
        "applied": bool(options.apply),
    }
    lines = [f"{run}: {len(frame)} answers", "   marks  only it  kind     rule"]
    lines += [
        f"{'on' if c.on else '  '} {c.marks:>5} {c.only:>8}  {c.kind:<8} {c.name}: {c.explanation}"
        for c in counts
    ]
    if on:
        done = "dropped in one step" if options.apply else "would be dropped; --apply drops them"
        lines.append(f"{new} answers {done}. Outcome drops reach training data only, unless --everywhere.")
    return result, "\n".join(lines)


def _agreement(store: RunStore, made: DecisionStore, run: str, options: Namespace) -> tuple[dict, str]:
    """Cohen's kappa of every pair of people, and where they differ."""
    people, frame = made.by_person(run), store.answers(run)
    pairs, differ = agreements(people, frame), disagreements(people, frame)
    result = {
        "run": run,
        "pairs": [pair.to_json() for pair in pairs],
        "disagreements": differ.to_dict("records"),
    }
    lines = []
    for pair in pairs:
        low, high = pair.agree_ci or (float("nan"), float("nan"))
        line = f"{' and '.join(pair.people)}: agree on {pair.agree:.0%} ({low:.0%} to {high:.0%})"
        if pair.kappa is None or pair.kappa_ci is None:
            line += ", no kappa: both always chose the same action"
        else:
            line += f", kappa {pair.kappa:.2f} ({pair.kappa_ci[0]:.2f} to {pair.kappa_ci[1]:.2f})"
        lines.append(f"{line}, n {pair.n} answers judged by both")
    lines += [
        f"answer {row.answer}: {row.one} {row.action} ({row.reason}), "
        f"{row.other} {row.other_action} ({row.other_reason})"
        for row in differ.itertuples()
    ]
    nobody = "no two people have judged the same answer by hand: `--who NAME` signs decisions"
    return result, "\n".join(lines) or nobody


def _beliefs(store: RunStore, made: DecisionStore, run: str, options: Namespace) -> tuple[dict, str]:
    """What the model believes and knows; with --margin by another margin, kept for the run."""
    if options.margin is not None:
        made.set_margin(run, options.margin)
    margin = made.margin(run)
    found = belief_summary(labelled(store, run))
    return {"run": run, "margin": margin, **found}, belief_line(found, margin)


def belief_line(found: dict, margin: float) -> str:
    """A sentence on what `belief_summary` gave."""
    if found["knows"] is None:
        return "no question was asked under honest: nothing is known of what the model believes"
    low, high = found["ci"]
    chance = "" if found["chance"] is None else f", by chance {found['chance']:.0%}"
    return (
        f"knows {found['knows']:.0%} ({low:.0%} to {high:.0%}) of {found['n']} questions{chance}; "
        f"sure of {found['sure']}; margin {margin:.2f}; {BASES[found['basis']]}"
    )


def user_name() -> str:
    """Who decides; a system without an entry for its user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def write_text(file: str, content: str) -> None:
    """Write a text file. Raises `StoreError` where it cannot be written."""
    try:
        Path(file).write_text(content)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error
