"""What a projection is, and how it is kept on disk as plain arrays. No arithmetic: see `projection.py`."""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import joblib
import numpy as np
import pandas as pd

from core.errors import ProjectionError
from core.store.runs import RunStore

VERSION = 1
METHODS = ("pca", "umap")
MOST = 5_000
"""Answers in one picture, unless fewer or more are asked for."""


@dataclass(frozen=True)
class ProjectionSettings:
    """How states become coordinates.

    Attributes:
        n_neighbors, min_dist: UMAP's own.
        most: answers taken at most, a seeded sample of whole questions; 5,000 where None.

    Raises:
        ProjectionError: an unknown method or a number out of range.
    """

    position: str = "prompt"
    method: Literal["pca", "umap"] = "pca"
    dimensions: int = 2
    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0
    most: int | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ProjectionError(f"unknown method {self.method!r}: choose pca or umap")
        if self.dimensions not in (2, 3):
            raise ProjectionError(f"{self.dimensions} dimensions: choose 2 or 3")
        if self.n_neighbors < 2 or not 0 <= self.min_dist <= 1:
            raise ProjectionError("UMAP needs at least 2 neighbours and a minimal distance from 0 to 1")
        if self.limit < 1:
            raise ProjectionError(f"at most {self.most} answers: choose 1 or more")

    @property
    def limit(self) -> int:
        """Answers taken at most."""
        return MOST if self.most is None else self.most


@dataclass(frozen=True, eq=False)
class Projection:
    """Coordinates of a run's answers at the layers done so far.

    Attributes:
        layers: the layers that the coordinates are of, in order; `planned`: how many the run has.
        answers: answer numbers, (answers,).
        coordinates: float32 (layers, answers, dimensions); all zeros where a layer's states are all alike.
        explained: share of variance by axis, (layers, dimensions); None for UMAP.
        n_total: answers of the run then; n_missing: of these without a state at the position.
    """

    run: str
    settings: ProjectionSettings
    layers: tuple[int, ...]
    planned: int
    answers: np.ndarray
    coordinates: np.ndarray
    explained: np.ndarray | None
    n_total: int
    n_missing: int

    @property
    def complete(self) -> bool:
        """Whether every layer is done."""
        return len(self.layers) == self.planned

    @property
    def sampled(self) -> bool:
        """Whether answers with a state were left out to keep to the limit."""
        return len(self.answers) < self.n_total - self.n_missing

    @property
    def degenerate(self) -> tuple[int, ...]:
        """Layers at which all states are alike, so that there is nothing to see."""
        pairs = zip(self.layers, self.coordinates, strict=True)
        return tuple(layer for layer, found in pairs if not found.any())

    @property
    def stated(self) -> str:
        """How many answers are shown of how many, in a sentence."""
        text = f"{len(self.answers):,} of {self.n_total:,} answers"
        if self.sampled:
            text += ", a seeded sample of whole questions"
        if self.n_missing:
            text += f"; {self.n_missing:,} have no state at position {self.settings.position!r}"
        return text

    def at(self, layer: int) -> pd.DataFrame:
        """One layer as columns answer, x, y and, in three dimensions, z.

        Raises:
            ProjectionError: the layer is not done.
        """
        if layer not in self.layers:
            raise ProjectionError(f"layer {layer} is not projected yet")
        found = self.coordinates[self.layers.index(layer)]
        axes = dict(zip("xyz", found.T, strict=False))
        return pd.DataFrame({"answer": self.answers} | axes)


def path_of(store: RunStore, run: str, settings: ProjectionSettings, answers: int) -> Path:
    """Where a projection is kept; older states of a growing run share the name up to the dash."""
    values = asdict(settings) | {"most": settings.limit}
    if settings.method == "pca":
        del values["n_neighbors"], values["min_dist"]
    key = joblib.hash((VERSION, run, sorted(values.items())))
    return store.cache / "derived" / "projections" / f"{key}-{answers}.npz"


def packed(made: Projection) -> bytes:
    """The projection as an .npz file; never a pickle."""
    facts = {"planned": made.planned, "n_total": made.n_total, "n_missing": made.n_missing}
    explained = np.zeros((0, 0)) if made.explained is None else made.explained
    out = io.BytesIO()
    np.savez(
        out,
        facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
        answers=made.answers,
        coordinates=made.coordinates,
        explained=explained,
    )
    return out.getvalue()


def load_kept(store: RunStore, run: str, settings: ProjectionSettings, answers: int) -> Projection | None:
    """What is kept for the run at so many answers; None where nothing is, or where it is damaged."""
    run = store.run(run).run
    path = path_of(store, run, settings, answers)
    try:
        with np.load(path, allow_pickle=False) as found:
            facts = json.loads(found["facts"].tobytes().decode())
            coordinates = found["coordinates"]
            return Projection(
                run=run,
                settings=settings,
                layers=tuple(range(len(coordinates))),
                answers=found["answers"],
                coordinates=coordinates,
                explained=found["explained"] if settings.method == "pca" else None,
                **facts,
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)
        return None
