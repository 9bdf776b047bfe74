"""A fitted probe of every layer, as plain arrays: enough to score new states, safe to load from anyone."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from scipy.special import expit, logit
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from core.downloads import replace_atomically
from core.errors import ModelError, ProbeError
from core.files import read_file
from core.models.safetensors_header import SafetensorsHeader, parse_header, read_header
from core.shown import named

LARGEST_FILE = 1 << 30
"""Bytes of a probe's file: a hundred layers of 16,384 values take a hundredth of it."""
LONGEST_FACTS = 100_000
LARGEST_VALUE = 1e30
"""Of a direction or score: beyond it, states of usual size have scores that are no numbers."""
UNLIKE = 99.0
NARROW = 1e-3
"""Least spread of a principal direction, as a share of the mean state's length: what varies less is noise."""
ROUNDING = 1e-2
"""Distances, in standard deviations, that differ by less are the same: batches change a state's last bits."""


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """Directions of all layers, and what the chosen one needs to be read as a probability.

    Attributes:
        facts: method, target, position, train mode, and sign: where that comes from, None for all labels.
        vectors: (layers, d_model); intercepts: (layers,).
        layer: the chosen layer.
        platt: slope and intercept of the calibration fitted on validation scores (Platt 1999).
        training_scores, training_target: scores of the training answers at the chosen layer, (n,).
        centre, components, spread: PCA of the training states at the chosen layer: mean (d_model,), rows
            (k, d_model), standard deviations (k,).
        distances: sorted distances of the validation states, which training did not see.
    """

    facts: dict
    vectors: np.ndarray
    intercepts: np.ndarray
    layer: int
    platt: np.ndarray
    training_scores: np.ndarray
    training_target: np.ndarray
    centre: np.ndarray
    components: np.ndarray
    spread: np.ndarray
    distances: np.ndarray

    def scores(self, states: np.ndarray) -> np.ndarray:
        """Each layer's own score: states (n, layers, d_model) to (n, layers); above 0 is positive."""
        return np.einsum("nld,ld->nl", states, self.vectors) + self.intercepts

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probability of the positive class, from scores of the chosen layer."""
        return expit(self.platt[0] * np.asarray(scores) + self.platt[1])

    def unlike(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far states of the chosen layer, (n, d_model), lie from the training states.

        Returns:
            The percentile of the Mahalanobis distance among held-out validation states (0 to 100), and
            whether it is beyond the 99th; of fewer than 100 states that is nearly the farthest.
        """
        far = mahalanobis(states, self.centre, self.components, self.spread)
        percentile = 100 * np.searchsorted(self.distances, far - ROUNDING) / len(self.distances)
        return percentile, far > np.percentile(self.distances, UNLIKE) + ROUNDING

    @property
    def all_facts(self) -> dict:
        """Its facts with the chosen layer among them, as a saved probe says them."""
        return self.facts | {"layer": self.layer}

    def to_bytes(self) -> bytes:
        """As safetensors, with its facts as JSON in the metadata: safe to open from anyone."""
        arrays = {name: np.ascontiguousarray(getattr(self, name), dtype=np.float64) for name in ARRAYS}
        return save(arrays, metadata={FACTS: json.dumps(self.all_facts)})

    def save(self, path: Path) -> None:
        """Write what `load` reads, whole or not at all."""
        replace_atomically(path, self.to_bytes())

    @staticmethod
    def load(path: Path) -> "FittedProbe":
        """Read what `save` wrote.

        Raises:
            ProbeError: the file is missing, damaged or no probe.
        """
        return FittedProbe.from_bytes(read_file(path, LARGEST_FILE, ProbeError), path.name)

    @staticmethod
    def from_bytes(content: bytes, name: str) -> "FittedProbe":
        """The probe in a file's content. Raises `ProbeError`, in which it is called `name`: it is none."""
        try:
            header = parse_header(io.BytesIO(content), name)
            facts = _facts(header)
            if set(header.tensors) != set(ARRAYS):
                raise ValueError("its arrays are not those of a probe")
            if any(tensor.dtype not in ("F32", "F64") for tensor in header.tensors.values()):
                raise ValueError("its arrays are no floating-point numbers")
            layer = facts.pop("layer", None)
            if type(layer) is not int:
                raise ValueError("it does not say its layer")
            found = FittedProbe(facts=facts, layer=layer, **load(content))
        except (ModelError, ValueError, SafetensorError) as error:
            raise ProbeError(f"{named(name)} is not a saved probe: {named(error, 200)}") from error
        found.check(name)
        return found

    def check(self, name: str) -> None:
        """Raise `ProbeError` where the arrays do not fit together, or hold what no fit gives."""
        layers, width = self.vectors.shape if self.vectors.ndim == 2 else (0, 0)
        k = len(self.spread) if self.spread.ndim == 1 else -1
        fits = (
            0 <= self.layer < layers
            and self.intercepts.shape == (layers,)
            and self.platt.shape == (2,)
            and self.centre.shape == (width,)
            and self.components.shape == (k, width)
            and self.training_scores.ndim == self.distances.ndim == 1
            and self.training_scores.shape == self.training_target.shape
            and len(self.distances) > 0
        )
        if not fits:
            raise ProbeError(f"{named(name)} is not a saved probe: its arrays do not fit together")
        sound = (
            all((np.abs(getattr(self, array)) < LARGEST_VALUE).all() for array in ARRAYS)
            and (self.spread > 0).all()
            and (np.diff(self.distances) >= 0).all()
            and np.isin(self.training_target, (0, 1)).all()
        )
        if not sound:
            raise ProbeError(f"{named(name)} is not a saved probe: its arrays hold what no probe has")


def facts_of(path: Path) -> dict:
    """What a saved probe says of itself, its arrays left unread.

    Raises:
        ModelError, ValueError: it is missing, or no saved probe.
    """
    return _facts(read_header(path))


def _facts(header: SafetensorsHeader) -> dict:
    """The facts in a file's metadata. Raises `ValueError` where there are none."""
    told = header.metadata.get(FACTS, "")
    if not 0 < len(told) <= LONGEST_FACTS:
        raise ValueError("it says nothing of itself" if not told else "it says too much of itself")
    try:
        facts = json.loads(told)
    except RecursionError as error:
        raise ValueError("its facts are too deeply nested") from error
    if not isinstance(facts, dict):
        raise ValueError("its facts are no object")
    return facts


FACTS = "telltale_probe"
ARRAYS = (
    "vectors",
    "intercepts",
    "platt",
    "training_scores",
    "training_target",
    "centre",
    "components",
    "spread",
    "distances",
)


def mahalanobis(
    states: np.ndarray, centre: np.ndarray, components: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Distance in the training states' principal directions, in standard deviations, (n,)."""
    return np.sqrt((((states - centre) @ components.T / spread) ** 2).sum(axis=1))


def describe_training(train: np.ndarray, held_out: np.ndarray, most: int = 20) -> dict[str, np.ndarray]:
    """The arrays that `unlike` needs, from at least two training and any validation states of one layer.

    Leading directions by PCA, and in them a shrunken covariance, which is diagonal there as the sample's is.
    States that hardly vary, such as those of layer 0 at the last prompt token, get a spread of `NARROW`.

    Source: Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".
    """
    components = max(1, min(most, len(train) // 5, train.shape[1]))
    with np.errstate(invalid="ignore"):  # the share of a variance of 0, which nothing here uses
        pca = PCA(components, random_state=0).fit(train)
    narrowest = NARROW * float(np.linalg.norm(pca.mean_)) or 1.0
    covariance, _ = ledoit_wolf(pca.transform(train), assume_centered=True)
    spread = np.maximum(np.sqrt(np.diagonal(covariance)), narrowest)
    distances = np.sort(mahalanobis(held_out, pca.mean_, pca.components_, spread))
    return {"centre": pca.mean_, "components": pca.components_, "spread": spread, "distances": distances}


def fit_platt(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Slope and intercept of a logistic curve from scores to probabilities, both finite, the slope never < 0.

    Where scores do not vary, one class is missing or the curve would fall, the scores say nothing about the
    target: the probability is then the share of positives, as with one more of each class.

    Source: Platt 1999, "Probabilistic outputs for support vector machines".
    """
    scores, target = np.asarray(scores, dtype=np.float64), np.asarray(target).astype(int)
    scale = float(np.std(scores))
    share = (target.sum() + 1) / (len(target) + 2)
    if scale > 1e-6 * float(np.abs(scores).max()) and len(set(target.tolist())) == 2:
        curve = LogisticRegression(C=1.0).fit((scores / scale)[:, None], target)
        if curve.coef_[0, 0] > 0:
            return np.array([curve.coef_[0, 0] / scale, curve.intercept_[0]])
    return np.array([0.0, float(logit(share))])
