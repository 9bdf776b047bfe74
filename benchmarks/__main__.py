"""`python -m benchmarks`: one run, one table, and `benchmarks/results.json` (`results-gpu.json` on a GPU).

Exit code 1 where a bar is missed, 2 where nothing could be measured.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import transformers

from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.efficiency import efficiency_rows
from benchmarks.growth import growth_rows
from benchmarks.harvests import harvest_rows
from benchmarks.machine import machine
from benchmarks.operators import profiles
from benchmarks.page import PAGE, RESULTS, machine_text, read_results, with_figures
from benchmarks.reading import reading_rows
from benchmarks.row import Row
from benchmarks.speaking import speaking_rows
from benchmarks.sweep import sweep_rows
from benchmarks.table import cells, profile_table, results_table
from benchmarks.writing import writing_rows
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.embedded import EMBEDDED_ID
from core.models.loading import load_model
from core.paths import cache_folder

RESULTS_GPU = RESULTS.with_name("results-gpu.json")
KINDS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "harvest": harvest_rows,
    "arithmetic": efficiency_rows,
    "probes": sweep_rows,
    "reading": reading_rows,
    "writing": writing_rows,
    "speaking": speaking_rows,
    "growth": growth_rows,
}
VIEWS = "views"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look that takes minutes; writes no results")
    parser.add_argument("--only", nargs="+", choices=(*KINDS, VIEWS), help="these rows; writes no results")
    parser.add_argument("--views", action="store_true", help="also every page with a run of 100,000 answers")
    parser.add_argument("--profile", action="store_true", help="only the operator tables")
    parser.add_argument("--page", action="store_true", help="only write docs/engine.md from the results")
    parser.add_argument("--cache", help="the cache folder")
    chosen = parser.parse_args(arguments)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        if chosen.page:
            PAGE.write_text(with_figures(PAGE.read_text(), read_results()))
            return 0
        bench = make_bench(chosen.cache, chosen.quick)
        if chosen.profile:
            print("\n\n".join(map(profile_table, profiles(bench))))
            return 0
        began = perf_counter()
        facts = machine(bench)
        wanted = chosen.only or [*KINDS, *([VIEWS] if chosen.views else [])]
        rows = list(measured(bench, wanted))
        facts["minutes"] = round((perf_counter() - began) / 60, 1)
    except TelltaleError as error:
        print(f"telltale: {error}", file=sys.stderr)
        return 2
    print(machine_text(bench.loaded.name, facts), results_table(rows), sep="\n\n")
    if not chosen.quick and not chosen.only:
        write_results(bench, facts, rows)
    return 1 if any(row.missed for row in rows) else 0


def make_bench(cache: str | None, quick: bool) -> Bench:
    """The embedded model without an adapter, and how much is measured."""
    folder = cache_folder(cache)
    return Bench(load_model(ModelSettings(EMBEDDED_ID), folder), folder, QUICK if quick else FULL)


def measured(bench: Bench, kinds: list[str]) -> Iterator[Row]:
    """Rows of these kinds, each told on stderr as it comes; a kind that fails is a row that says so."""
    for kind in kinds:
        try:
            for row in rows_of(kind)(bench):
                print(", ".join(filter(None, cells(row))), file=sys.stderr, flush=True)
                yield row
        except TelltaleError as error:
            yield Row(kind, "", None, refused=str(error))


def rows_of(kind: str) -> Callable[[Bench], Iterator[Row]]:
    """What measures one kind of row; the pages' needs a browser, so that it is imported only when wanted."""
    if kind == VIEWS:
        from benchmarks.pages import page_rows

        return page_rows
    return KINDS[kind]


def write_results(bench: Bench, facts: dict, rows: list[Row]) -> Path:
    """Write what a full run found, operator tables among it."""
    results = {
        "model": bench.loaded.name,
        "machine": facts,
        "rows": [row.to_dict() for row in rows],
        "profiles": [profile.to_dict() for profile in profiles(bench)],
    }
    path = RESULTS_GPU if facts["device"] == "cuda" else RESULTS
    path.write_text(json.dumps(results, indent=2) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())
