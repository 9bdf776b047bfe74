"""`python -m tests.faults`: inject every fault into the real program, and print what came of each.

Exit code 1 where something was lost.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from core.paths import cache_folder
from tests.faults.campaign import FAULTS, injections
from tests.faults.outcome import Injection, faults_table, rows_of
from tests.faults.scene import Scene


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="each fault a few times, as in CI")
    parser.add_argument("--only", nargs="+", choices=FAULTS, metavar="NAME", help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--cache", help="the cache folder with models and data; nothing in it is changed")
    parser.add_argument("--json", metavar="FILE", help="also write the table's rows to this file")
    chosen = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="telltale-faults-") as folder:
        scene = Scene(cache_folder(chosen.cache), Path(folder), chosen.short, chosen.seed)
        rows = rows_of(told(injections(scene, chosen.only or FAULTS)))
    print(faults_table(rows))
    if chosen.json:
        Path(chosen.json).write_text(json.dumps([row.to_dict() for row in rows], indent=2) + "\n")
    return 1 if any(row.lost for row in rows) else 0


def told(found: Iterator[Injection]) -> Iterator[Injection]:
    """The injections, each told on stderr as it comes."""
    began = time.monotonic()
    for one in found:
        came = one.skipped or ", ".join(one.lost) or "survived"
        print(
            f"{time.monotonic() - began:6.1f} s  {one.fault}, {one.how}: {came}", file=sys.stderr, flush=True
        )
        yield one


if __name__ == "__main__":
    sys.exit(main())
