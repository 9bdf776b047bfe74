"""Where the states of a run are kept: in the run's folder, or under a URL that a file in the folder names.

That file lies beside the run's journal, so that whoever finds the run finds its states. Rows, journal and
lock stay in the cache.
"""

import os
import re
import shutil
import uuid
from pathlib import Path
from urllib.parse import unquote

from core.errors import StatesOutOfReach, StoreError
from core.shown import LONGEST_PATH, named
from core.store.journal import Journal
from core.store.remote import PACKAGES, Folder, RemoteFolder

VARIABLE = "TELLTALE_STATES"
"""The environment's variable for where the states of new runs are kept."""
POINTER = "states-at"
LOCAL = "file"
FORM = re.compile(r"([a-z0-9]+)://([\w.\-/~+=%,]+)")
HOW = "write file:///FOLDER, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://CONTAINER/FOLDER"


def checked_url(text: str) -> str:
    """A URL that states can be kept under, without a slash at its end.

    Raises:
        StoreError: it is none, or holds what may be a name and password, which is not shown.
    """
    url = text.strip().rstrip("/")
    shown = named(re.split("[?#]", url)[0], LONGEST_PATH)
    if "@" in url:
        scheme = named(url.partition("://")[0], 10)
        raise StoreError(
            f"{scheme}://…@… seems to hold a name or password: leave out what stands before the @, and give "
            "credentials by the environment"
        )
    found = FORM.fullmatch(url)
    if found is None or found[1] not in (LOCAL, *PACKAGES):
        raise StoreError(f"{shown} is no place for states: {HOW}")
    if {".", ".."} & set(found[2].split("/")) or (found[1] == LOCAL) != found[2].startswith("/"):
        raise StoreError(f"{shown} is no whole path: {HOW}")
    return url


def url_of_new_runs() -> str | None:
    """What TELLTALE_STATES says; None where it says nothing.

    Raises:
        StoreError: it is no URL that states can be kept under.
    """
    said = os.environ.get(VARIABLE, "").strip()
    return checked_url(said) if said else None


def settle(folder: Path, chosen: str | None) -> None:
    """Decide where the states of a run that begins are kept; one that has begun stays where it is.

    Args:
        folder: the run's.
        chosen: a URL that somebody asked for; None for what the environment says.

    Raises:
        StoreError: somebody asked for another place than the run has, or the folder cannot be written.
    """
    place = url_to_be(folder, chosen)
    if chosen is not None and not f"{place}/".startswith(f"{checked_url(chosen)}/"):
        raise StoreError(
            f"run {folder.name} has its states {'in the cache' if place is None else f'at {place}'} already, "
            f"and not at {chosen}: leave that out, or delete the run first"
        )
    if place is None or (folder / POINTER).exists():
        return
    # A name of its own: a run that is deleted and made again does not share what the trash holds.
    made = f"{place}/{folder.name}-{uuid.uuid4().hex[:8]}"
    part = folder / f"{POINTER}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(f"{made}\n", encoding="utf-8")
        part.replace(folder / POINTER)
    except OSError as error:
        raise StoreError(f"run {folder.name} cannot be written: {error.strerror or error}") from error


def url_to_be(folder: Path, chosen: str | None) -> str | None:
    """Under which URL a run keeps its states, or would if it began now; None for its folder.

    Args:
        chosen: see `settle`.

    Raises:
        StoreError: see `url_of_states` and `checked_url`.
    """
    url = url_of_states(folder)
    if url is not None or (folder / "states").is_dir() or Journal(folder).is_there:
        return url
    return url_of_new_runs() if chosen is None else checked_url(chosen)


def url_of_states(folder: Path) -> str | None:
    """Under which URL a run keeps its states; None where it keeps them in its folder.

    Raises:
        StatesOutOfReach: the file that names it cannot be read or names no such URL.
    """
    try:
        return checked_url((folder / POINTER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, StoreError) as error:
        raise StatesOutOfReach(
            f"{POINTER} of run {folder.name} cannot be read, and says where its states are: {error}"
        ) from error


def states_place(folder: Path) -> Folder:
    """The folder that a run's states are in.

    Raises:
        StoreError: see `url_of_states`.
    """
    url = url_of_states(folder)
    if url is None:
        return folder
    scheme, _, path = url.partition("://")
    return Path(unquote(path)) if scheme == LOCAL else RemoteFolder(url)


def remove_states(folder: Path) -> int:
    """Delete the states that a run keeps elsewhere than in its folder; gives how many bytes they had.

    Raises:
        StoreError: they cannot be reached or deleted.
    """
    place = states_place(folder)
    if isinstance(place, RemoteFolder):
        freed = place.bytes()
        place.remove()
        return freed
    if place == folder or not place.is_dir():
        return 0
    freed = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise StoreError(f"{place} cannot be deleted: {error.strerror or error}") from error
    return freed
