"""Charts as PNG or SVG, drawn by a Chrome or Chromium of this machine that fetches nothing."""

import logging
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go

from core.errors import StoreError
from core.shown import named

NO_KALEIDO = (
    "pictures need the package kaleido: install `telltale[figures]`, or choose --format html, which needs it "
    "not"
)
NO_BROWSER = (
    "pictures are drawn by Chrome or Chromium, and none was found: install one, or choose --format html, "
    "which needs none"
)
SHARPER = 2
"""Pixels of a PNG for each of its chart."""


def write_pictures(charts: Mapping[Path, go.Figure]) -> None:
    """Write charts to files whose names end in `.png` or `.svg`; one browser draws them all.

    Raises:
        StoreError: kaleido or a browser is missing, or the browser failed.
        OSError: a file cannot be written.
    """
    try:
        import kaleido
        from choreographer.errors import BrowserFailedError, ChromeNotFoundError
    except ImportError as error:
        raise StoreError(NO_KALEIDO) from error
    for noisy in ("kaleido", "choreographer"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    asked = [
        {
            "fig": chart,
            "path": path,
            "opts": {"format": path.suffix[1:], "scale": SHARPER if path.suffix == ".png" else 1},
        }
        for path, chart in charts.items()
    ]
    try:
        kaleido.write_fig_from_object_sync(asked, cancel_on_error=True, kopts={"n": 1, "mathjax": False})
    except ChromeNotFoundError as error:
        raise StoreError(NO_BROWSER) from error
    except (BrowserFailedError, TimeoutError) as error:
        raise StoreError(
            f"the browser that draws pictures failed: {named(error) or 'it took too long'}"
        ) from error
