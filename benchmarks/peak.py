"""`python -m benchmarks.peak COMMAND …`: a `telltale` command that ends by telling its peak memory, in bytes.

The last line on stderr is the most memory that its process ever held.
"""

import re
import resource
import sys
from pathlib import Path

from core.cli import main


def peak_memory() -> int:
    """The most memory that this process ever held, bytes; of its own, and not of what it was forked from."""
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.is_file() else None
    return 1024 * int(peak[1] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    print(peak_memory(), file=sys.stderr)
    sys.exit(code)
