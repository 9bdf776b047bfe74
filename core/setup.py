"""Fetches the embedded model and reviews into the cache, with a progress bar: what `make setup` runs."""

import sys

from core.cli import Parser, quieten, refuse
from core.data.reviews import fetch_reviews
from core.errors import TelltaleError
from core.models.embedded import embedded_ready, fetch_embedded
from core.paths import cache_folder
from core.progress import shown_in_percent


def main() -> int:
    """Fetch what is missing; 0 when all of it is there, 2 with one line on stderr when it is not."""
    parser = Parser(description=__doc__)
    parser.add_argument("--cache")
    chosen = parser.parse_args().cache
    try:
        cache = cache_folder(chosen)
        if not embedded_ready(cache):
            quieten()
        with shown_in_percent() as show:
            fetch_embedded(cache, show)
            fetch_reviews(cache, show)
    except TelltaleError as error:
        return refuse(error)
    except OSError as error:
        return refuse(f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("telltale: interrupted; run the set-up again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
