"""A folder of an object store or another file system that fsspec knows: what runs need of it, and no more.

Whatever goes wrong beyond a missing file is one sentence that names the folder. Credentials come from the
environment, as the store's own tools take them; none is written, kept or shown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import StatesOutOfReach
from core.shown import named

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}
"""Schemes of URLs, and the package that fsspec needs for each."""
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"max_concurrency": 1, "config_kwargs": {"retries": {"max_attempts": 2}}}
}
"""Chunks are fetched beside each other; to fetch each in parts would cost one more request for its size. The
package tries again by itself where the store is busy: where nobody answers, this says so within seconds."""
LONGEST_REASON = 200


@dataclass(frozen=True)
class RemoteFolder:
    """A folder or a file in it, in the way of `pathlib.Path`.

    Every method raises `StatesOutOfReach` where the store cannot be reached or denies access.

    Attributes:
        url: with its scheme, without a slash at its end.
    """

    url: str

    def __truediv__(self, name: str) -> "RemoteFolder":
        return RemoteFolder(f"{self.url}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self.url.rpartition("/")[2]

    def names(self) -> set[str]:
        """What lies directly in it, files and folders; none where there is no such folder."""
        with self._reached() as files:
            try:
                return {path.rstrip("/").rpartition("/")[2] for path in files.ls(self.url, detail=False)}
            except FileNotFoundError:
                return set()

    def is_dir(self) -> bool:
        """Whether anything lies in it."""
        return bool(self.names())

    def is_file(self) -> bool:
        """Whether it is a file."""
        with self._reached() as files:
            try:
                return files.info(self.url)["type"] == "file"
            except FileNotFoundError:
                return False

    def read_bytes(self) -> bytes:
        """A file's content; raises `FileNotFoundError`."""
        with self._reached() as files:
            return files.cat_file(self.url)

    def read_text(self, encoding: str = "utf-8") -> str:
        """A file's content as text; raises `FileNotFoundError`, and `ValueError` where it is none."""
        return self.read_bytes().decode(encoding)

    def read_many(self, names: Sequence[str]) -> list[bytes | None]:
        """The content of files in it, fetched together; None for each that is not there."""
        with self._reached() as files:
            paths = [files._strip_protocol(f"{self.url}/{name}") for name in names]
            found = files.cat(paths, on_error="return")
            content = [found[path] for path in paths]
            for one in content:
                if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                    raise one
        return [None if isinstance(one, Exception) else one for one in content]

    def write_bytes(self, content: bytes) -> None:
        """Write a file."""
        folder, _, name = self.url.rpartition("/")
        RemoteFolder(folder).write_many({name: content})

    def write_many(self, content: Mapping[str, bytes]) -> None:
        """Write files in it, sent together."""
        with self._reached() as files:
            try:
                files.pipe({f"{self.url}/{name}": value for name, value in content.items()})
            except FileNotFoundError as error:
                raise StatesOutOfReach(f"{self} cannot be written: {_reason(error)}") from error

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete a file; raises `FileNotFoundError`."""
        with self._reached() as files:
            try:
                files.rm_file(self.url)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def remove(self) -> None:
        """Delete all that lies below it."""
        with self._reached() as files:
            try:
                files.rm(self.url, recursive=True)
            except FileNotFoundError:
                return

    def bytes(self) -> int:
        """What the files below it hold."""
        with self._reached() as files:
            return sum(entry["size"] for entry in files.find(self.url, detail=True).values())

    @contextmanager
    def _reached(self) -> Iterator[Any]:
        """The file system; what its packages raise is a sentence, save that a file is not there."""
        scheme = self.url.partition(":")[0]
        try:
            import fsspec

            yield fsspec.filesystem(scheme, use_listings_cache=False, **OPTIONS.get(scheme, {}))
        except (FileNotFoundError, StatesOutOfReach):
            raise
        except ImportError as error:
            raise StatesOutOfReach(
                f"{scheme}:// needs a package that is not installed: `pip install {PACKAGES.get(scheme)}`"
            ) from error
        except Exception as error:  # each store's package has exceptions of its own, of no common kind
            if isinstance(error, PermissionError) or "redential" in type(error).__name__:
                raise StatesOutOfReach(
                    f"{self} denies access ({_reason(error)}): give credentials by the environment, as the "
                    "store's own tools take them"
                ) from error
            raise StatesOutOfReach(f"{self} cannot be reached: {_reason(error)}") from error


Folder = Path | RemoteFolder


def _reason(error: Exception) -> str:
    """What a package says, without what stands behind a URL's question mark: signatures, say."""
    said = re.sub(r"\?[^\s\"']*", "", " ".join(str(error).split()))
    return named(said or type(error).__name__, LONGEST_REASON)


def folders_in(folder: Folder) -> set[str]:
    """Names of the folders in a folder; none where it is not there. Of a store also names of its files."""
    if isinstance(folder, RemoteFolder):
        return folder.names()
    return {entry.name for entry in folder.iterdir() if entry.is_dir()} if folder.is_dir() else set()
