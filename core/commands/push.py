"""`telltale push`: a probe, a liar or a pruned run, to the hub or as the folder that would go there."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.errors import DataError
from core.exchange.hub_push import pack_and_push
from core.exchange.hub_wanted import Wanted, package
from core.progress import shown_in_percent
from core.store.runs import RunStore


def push(cache: Path, options: Namespace) -> Result:
    """Make the package, and send it or leave it in a folder."""
    if (options.to is None) == (options.to_folder is None):
        raise DataError("say where: --to owner/name for the hub, or --to-folder DIR for a folder here")
    if options.what != "run" and (options.position or options.layer):
        raise DataError(f"a {options.what} goes whole: leave --position and --layer out")
    if options.to_folder is not None and options.private:
        raise DataError("--private is for --to: a folder here is as private as you keep it")
    store = RunStore(cache)
    wanted = Wanted(
        options.what,
        options.name,
        tuple(options.position or ("prompt",)),
        None if options.layer is None else tuple(options.layer),
    )
    result = {"what": options.what, "folder": None, "url": None}
    with shown_in_percent() as show:
        if options.to_folder is not None:
            made = package(store, wanted, Path(options.to_folder), show)
            told = f"{', '.join(made.files)} written to {made.folder}: nothing was sent"
            return result | {"folder": str(made.folder), "files": made.files}, told
        address, files = pack_and_push(store, wanted, options.to, options.private, show)
    return result | {"url": address, "files": files}, f"{', '.join(files)} pushed to {address}"
