"""`telltale doctor`: whether everything that Telltale needs is there and works."""

import importlib.metadata
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from core.commands.options import (
    Result,
)
from core.data.reviews import reviews_ready
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.embedded import embedded_ready
from core.models.loading import load_model
from core.store.runs import RunStore


def doctor(cache: Path, options: Namespace) -> Result:
    """Whether everything that Telltale needs is there and works."""
    checks = []

    def check(name: str, ok: bool, detail: str) -> None:
        checks.append({"name": name, "ok": bool(ok), "detail": detail})

    check("python", sys.version_info >= (3, 11), sys.version.split()[0])
    for package in ("torch", "transformers", "streamlit", "plotly", "umap-learn", "scikit-learn", "zarr"):
        try:
            check(package, True, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            check(package, False, "not installed: pip install -r requirements.txt")
    free = shutil.disk_usage(cache).free
    check("disk", free > 1e9, f"{free / 1e9:.1f} GB free")
    check("embedded model", embedded_ready(cache), "ready" if embedded_ready(cache) else "run `make setup`")
    check("reviews", reviews_ready(cache), "ready" if reviews_ready(cache) else "run `make setup`")
    try:
        if embedded_ready(cache):
            loaded = load_model(ModelSettings(), cache)
            check("model loads", True, f"{loaded.parameters / 1e6:.1f} million parameters on {loaded.device}")
    except TelltaleError as error:
        check("model loads", False, str(error))
    try:
        check("store", True, f"{len(RunStore(cache).runs())} runs")
    except TelltaleError as error:
        check("store", False, str(error))
    ok = all(entry["ok"] for entry in checks)
    lines = [f"{'ok ' if entry['ok'] else 'BAD'}  {entry['name']}: {entry['detail']}" for entry in checks]
    return {"ok": ok, "checks": checks}, "\n".join(lines)
