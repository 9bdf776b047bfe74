"""`python -m tests.fuzz.limited WHAT FOLDER BYTES`: every file of a folder is taken in, in so little memory.

Once all that is needed has been imported, this process may have BYTES of address space more and no further.
Prints one JSON object: what became of each file (a refusal, or None where it was taken), and by how many
bytes the peak memory rose.
"""

import json
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.peak import peak_memory
from core.data.tables import read_table
from core.data.uploads import guess_mapping, questions_from_table
from core.errors import TelltaleError
from core.probes.saved import SavedProbes
from core.store.decisions_csv import read_decisions


def take_table(file: Path) -> None:
    """As a page takes an upload."""
    content = file.read_bytes()
    if file.name.startswith("decisions"):
        read_decisions("r", content.decode(), {1, 2, 3})
    elif file.suffix == ".probe":
        SavedProbes(file.parent / "cache").add(content, "p")
    else:
        frame = read_table(content, file.name)
        questions_from_table(frame, guess_mapping(frame, file.name), file.name)


def take_model(place: Path) -> None:
    """As the sidebar takes a model, or an adapter for the sound model beside it."""
    from core.models.catalog import ModelSettings
    from core.models.loading import load_model

    sound = str(place.parent / "sound")
    settings = (
        ModelSettings(sound, str(place)) if place.name.startswith("adapter") else ModelSettings(str(place))
    )
    load_model(settings, place.parent / "cache")


def outcome(take: Callable[[Path], None], place: Path) -> str | None:
    """The refusal, None where there was none; any other exception ends this process."""
    try:
        take(place)
    except TelltaleError as error:
        return str(error)
    return None


def address_space() -> int:
    """Bytes of address space that this process has now."""
    found = re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return 1024 * int(found[1])


def main(what: str, folder: Path, most: int) -> None:
    """Take the sound one first, so that all is imported; then set the limit, and take the others."""
    take = {"tables": take_table, "models": take_model}[what]
    places = sorted(place for place in folder.iterdir() if place.name != "cache")
    for place in places:
        if place.name.startswith("sound"):
            take(place)
    before = peak_memory()
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + most, resource.RLIM_INFINITY))
    told = {place.name: outcome(take, place) for place in places}
    print(json.dumps({"told": told, "rise": peak_memory() - before}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
