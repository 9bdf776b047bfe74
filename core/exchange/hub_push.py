"""Sends a package to the hub, under the account that the hub's own tools are logged in with.

The hub's library reads the token from where `hf auth login` or HF_TOKEN put it; it is not looked at here.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from core.downloads import Progress, ignore_progress
from core.errors import DataError
from core.exchange.hub_packages import Package
from core.exchange.hub_wanted import Wanted, package
from core.exchange.run_parts import check_going_on
from core.shown import named, quoted
from core.store.runs import RunStore

LOG_IN = "log in with `hf auth login`, with a token that may write"


def is_offline() -> bool:
    """Whether the hub's library is told to ask nobody (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


def pack_and_push(
    store: RunStore,
    wanted: Wanted,
    to: str,
    private: bool,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[str, tuple[str, ...]]:
    """Make a package for a moment, and send it; gives its address on the hub and the names of its files.

    Once it is being sent it is no longer cancelled: the hub takes all files or none.

    Raises:
        TelltaleError: see `core.exchange.hub_packages.package` and `push`. Cancelled: `cancelled` said so.
    """
    scratch = store.cache / "tmp"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="push-") as folder:
        made = package(store, wanted, Path(folder) / "package", progress, cancelled)
        check_going_on(cancelled)
        progress(1.0, f"sending {len(made.files)} files to {named(to)}")
        return push(made, to, private), made.files


def push(package: Package, to: str, private: bool) -> str:
    """Make a repository where there is none, and put the package's files into it; gives its address.

    Args:
        to: owner and name, such as `somebody/some-probe`.
        private: of a repository that is made now.

    Raises:
        DataError: the name cannot be, nobody is logged in, access is denied or the hub is out of reach.
    """
    from huggingface_hub import HfApi, errors

    if to.count("/") != 1:
        raise DataError(f"{quoted(to)} is no repository: write --to owner/name")
    hub = HfApi()
    try:
        made = hub.create_repo(to, repo_type=package.kind, private=private, exist_ok=True)
        hub.upload_folder(
            folder_path=package.folder,
            repo_id=to,
            repo_type=package.kind,
            commit_message="Pushed by Telltale",
            allow_patterns=list(package.files),
        )
    except errors.HFValidationError as error:
        raise DataError(f"{quoted(to)} is no repository's name: {_reason(error)}") from error
    except errors.OfflineModeIsEnabled as error:
        raise DataError(
            f"nothing was pushed to {named(to)}: the hub's library is set offline (HF_HUB_OFFLINE); "
            "--to-folder writes the same here"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        how = f": {LOG_IN}" if status in (401, 403) else ""
        raise DataError(f"the hub refused {named(to)} ({_reason(error)}){how}") from error
    except (OSError, ValueError, errors.HTTPError) as error:
        raise DataError(
            f"nothing was pushed to {named(to)}: the hub cannot be reached ({_reason(error)}); --to-folder "
            "writes the same here"
        ) from error
    return str(made)


def _reason(error: Exception) -> str:
    """What the library says, without the identifiers of requests that stand behind it."""
    return named(str(error).partition("\n")[0].partition(" (Request ID")[0] or type(error).__name__, 200)
