"""Writes the figures of `docs/engine.md` from `results.json`, so that they cannot drift from it.

The page's text is written by hand; what stands between two marks of one name is written here.
"""

import json
from pathlib import Path

from benchmarks.operators import Profile
from benchmarks.row import Row
from benchmarks.table import HEADS, cells, pipes, profile_cells
from core.errors import TelltaleError

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parent.parent / "docs" / "engine.md"
NOT_MEASURED = "Not measured yet: `make bench`, then `python -m benchmarks --page`."


def read_results(path: Path = RESULTS) -> dict | None:
    """What the last full run wrote; None before the first."""
    return json.loads(path.read_text()) if path.is_file() else None


def with_figures(page: str, results: dict | None) -> str:
    """A page with its marked parts written anew.

    Raises:
        TelltaleError: the page lacks a mark.
    """
    for name, text in parts(results).items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, mark, rest = page.partition(begin)
        _, closing, after = rest.partition(end)
        if not mark or not closing:
            raise TelltaleError(f"{PAGE.name} has no marks {begin} and {end}: put them back")
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def parts(results: dict | None) -> dict[str, str]:
    """The text of each marked part."""
    if results is None:
        return dict.fromkeys(("machine", "results", "checks", "missed", "profile"), NOT_MEASURED)
    rows = [Row.from_dict(values) for values in results["rows"]]
    missed = [row for row in rows if row.missed]
    profiles = [Profile.from_dict(values) for values in results["profiles"]]
    return {
        "machine": machine_text(results["model"], results["machine"]),
        "results": pipes([HEADS, *map(cells, rows)]),
        "checks": "\n".join(f"- {row.name}, against {row.against}: {said(row)}." for row in rows),
        "missed": "\n".join(f"- {row.name}, against {row.against}: {short_of(row)}" for row in missed)
        or "Every bar is met.",
        "profile": "\n\n".join(
            f"{profile.side[0].upper()}{profile.side[1:]}, {profile.seconds:.2f} s under the profiler:\n\n"
            + pipes([["operator", "share of time", "calls"], *profile_cells(profile)])
            for profile in profiles
        ),
    }


def said(row: Row) -> str:
    """What a row's figures stand on, or why there are none."""
    return row.found.checked if row.found else row.verdict


def short_of(row: Row) -> str:
    """How far a row is from its bar."""
    _, _, bar, middle, spread, _, verdict = cells(row)
    return f"{middle} ({spread}), and the bar is {bar}." if row.found else f"{verdict}."


def machine_text(model: str, facts: dict) -> str:
    """What was measured, and on what."""
    side, plain, fast = (facts[name] for name in ("product_side", "product_gflops", "product_gflops_engine"))
    ran_on = f"{facts['processor']}, {facts['threads']} threads, {facts['instructions']}"
    versions = f"PyTorch {facts['torch']}, transformers {facts['transformers']}"
    return (
        f"{model}, {facts['dtype']}; {ran_on}, load before: {facts['load_before']}; {versions}.\n"
        f"A {side}³ product: {plain:,.0f} GFLOP/s by PyTorch, {fast:,.0f} by the engine. "
        f"The whole run took {facts['minutes']:g} minutes."
    )
