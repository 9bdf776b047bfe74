"""`telltale push`: a probe, a liar or a pruned run, to the hub or as the folder that would go there."""

import tempfile
from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.errors import DataError
from core.exchange.hub_packages import Package, package_liar, package_probe, package_run
from core.exchange.hub_push import push as to_hub
from core.store.runs import RunStore


def push(cache: Path, options: Namespace) -> Result:
    """Make the package, and send it or leave it in a folder."""
    if (options.to is None) == (options.to_folder is None):
        raise DataError("say where: --to owner/name for the hub, or --to-folder DIR for a folder here")
    if options.what != "run" and (options.position or options.layer):
        raise DataError(f"a {options.what} goes whole: leave --position and --layer out")
    if options.to_folder is not None:
        if options.private:
            raise DataError("--private is for --to: a folder here is as private as you keep it")
        made = _package(cache, options, Path(options.to_folder))
        result = {"what": options.what, "folder": str(made.folder), "url": None, "files": made.files}
        return result, f"{', '.join(made.files)} written to {made.folder}: nothing was sent"
    (cache / "tmp").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache / "tmp", prefix="push-") as scratch:
        made = _package(cache, options, Path(scratch) / "package")
        address = to_hub(made, options.to, options.private)
    result = {"what": options.what, "folder": None, "url": address, "files": made.files}
    return result, f"{', '.join(made.files)} pushed to {address}"


def _package(cache: Path, options: Namespace, target: Path) -> Package:
    if options.what == "probe":
        return package_probe(cache, options.name, target)
    if options.what == "liar":
        return package_liar(Path(options.name).expanduser(), target)
    return package_run(RunStore(cache), options.name, target, options.position or ("prompt",), options.layer)
