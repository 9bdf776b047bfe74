"""`telltale doctor`: whether everything that Telltale needs is there and works; with --repair mended."""

import importlib.metadata
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.commands.options import Result
from core.data.reviews import fetch_reviews, forget_reviews, review_faults, reviews_ready
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.embedded import embedded_faults, embedded_ready, fetch_embedded, forget_embedded
from core.models.loading import load_model
from core.progress import progress_bar
from core.store.checkup import Fault, check_database, check_runs
from core.store.runs import RunStore

PACKAGES = ("torch", "transformers", "streamlit", "plotly", "umap-learn", "scikit-learn", "zarr")

FETCH = "run `make setup`, or `python -m core.setup`"


@dataclass(frozen=True)
class Download:
    """What `make setup` fetches: whether it is there, which of its files are damaged, how it is got again."""

    ready: Callable[[Path], bool]
    faults: Callable[[Path], list[str]]
    forget: Callable[[Path], None]
    fetch: Callable[[Path], Path]


MODEL = Download(embedded_ready, embedded_faults, forget_embedded, fetch_embedded)
REVIEWS = Download(reviews_ready, review_faults, forget_reviews, fetch_reviews)


class Checks:
    """What was looked at, each with its name, whether it is sound, and a sentence."""

    def __init__(self) -> None:
        self.made: list[dict] = []

    def add(self, name: str, ok: bool, detail: str) -> None:
        """One more."""
        self.made.append({"name": name, "ok": bool(ok), "detail": detail})

    def faults(self, faults: Iterable[Fault], repair: bool) -> None:
        """Faults of the store, mended where that is wanted and can be."""
        for fault in faults:
            if not repair or fault.mend is None:
                how = "; `telltale doctor --repair` mends it" if fault.mend else ""
                self.add("store", False, f"{fault.what}{how}")
                continue
            try:
                self.add("store", True, f"{fault.what}: {fault.mend()}")
            except (TelltaleError, OSError) as error:
                self.add("store", False, f"{fault.what}; it could not be mended: {error}")


def doctor(cache: Path, options: Namespace) -> Result:
    """Whether everything that Telltale needs is there and works; with `repair` what can be is mended."""
    checks = Checks()
    check_installation(cache, checks)
    check_download("embedded model", MODEL, cache, checks, options.repair)
    check_download("reviews", REVIEWS, cache, checks, options.repair)
    check_model(cache, checks)
    check_store(cache, checks, options.repair)
    ok = all(entry["ok"] for entry in checks.made)
    lines = [
        f"{'ok ' if entry['ok'] else 'BAD'}  {entry['name']}: {entry['detail']}" for entry in checks.made
    ]
    return {"ok": ok, "checks": checks.made}, "\n".join(lines)


def check_installation(cache: Path, checks: Checks) -> None:
    """Python, packages, and where all is written."""
    checks.add("python", sys.version_info >= (3, 11), sys.version.split()[0])
    for package in PACKAGES:
        try:
            checks.add(package, True, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            checks.add(package, False, "not installed: install telltale again")
    checks.add("cache", True, str(cache))
    free = shutil.disk_usage(cache).free
    checks.add("disk", free > 1e9, f"{free / 1e9:.1f} GB free")


def check_download(name: str, download: Download, cache: Path, checks: Checks, repair: bool) -> None:
    """Whether what `make setup` fetches is there and undamaged; with `repair` it is fetched anew."""
    try:
        faults = download.faults(cache)
        if repair and faults:
            download.forget(cache)
            download.fetch(cache)
            checks.add(name, True, "fetched anew")
        elif faults:
            told = f"{', '.join(faults)} is not as it was fetched; `telltale doctor --repair` fetches it anew"
            checks.add(name, False, told)
        else:
            ready = download.ready(cache)
            checks.add(name, ready, "ready" if ready else FETCH)
    except (TelltaleError, OSError) as error:
        checks.add(name, False, str(error))


def check_model(cache: Path, checks: Checks) -> None:
    """Whether the default model loads, where its files are there."""
    try:
        if embedded_ready(cache):
            loaded = load_model(ModelSettings(), cache)
            checks.add(
                "model loads", True, f"{loaded.parameters / 1e6:.1f} million parameters on {loaded.device}"
            )
    except TelltaleError as error:
        checks.add("model loads", False, str(error))


def check_store(cache: Path, checks: Checks, repair: bool) -> None:
    """The database first: without it nothing can be said of the runs."""
    before = len(checks.made)
    try:
        database = check_database(cache)
        if database is not None:
            checks.faults([database], repair)
        if all(entry["ok"] for entry in checks.made[before:]):
            with progress_bar(len(RunStore(cache).runs()), "run") as bar:
                checks.faults(check_runs(cache, lambda: bar.update(1)), repair)
            runs = RunStore(cache).runs()
            held = f"{len(runs)} runs, {sum(run.answers for run in runs):,} answers"
            if all(entry["ok"] for entry in checks.made[before:]):
                checks.add("store", True, f"{held}, all of their states read and whole")
    except (TelltaleError, OSError) as error:
        checks.add("store", False, str(error))
