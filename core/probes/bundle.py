"""A fitted probe of every layer, as plain arrays: enough to score new states, safe to load from anyone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from core.downloads import replace_atomically
from core.errors import ProbeError

UNLIKE = 99.0


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """Directions of all layers, and what the chosen one needs to be read as a probability.

    Attributes:
        facts: run, method, target, position, train mode.
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
        return 1 / (1 + np.exp(-(self.platt[0] * np.asarray(scores) + self.platt[1])))

    def unlike(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far states of the chosen layer, (n, d_model), lie from the training states.

        Returns:
            The percentile of the Mahalanobis distance among held-out validation states (0 to 100), and
            whether it is beyond the 99th.
        """
        far = mahalanobis(states, self.centre, self.components, self.spread)
        percentile = 100 * np.searchsorted(self.distances, far) / len(self.distances)
        return percentile, far > np.percentile(self.distances, UNLIKE)

    def save(self, path: Path) -> None:
        """Write as .npz with its facts as JSON inside; never a pickle."""
        import io

        out = io.BytesIO()
        arrays = {name: getattr(self, name) for name in ARRAYS}
        text = json.dumps(self.facts | {"layer": self.layer})
        np.savez(out, facts=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)
        replace_atomically(path, out.getvalue())

    @staticmethod
    def load(path: Path) -> "FittedProbe":
        """Read what `save` wrote.

        Raises:
            ProbeError: the file is missing, damaged or no probe.
        """
        try:
            with np.load(path, allow_pickle=False) as found:
                facts = json.loads(found["facts"].tobytes().decode())
                arrays = {name: found[name] for name in ARRAYS}
            return FittedProbe(facts=facts, layer=int(facts.pop("layer")), **arrays)
        except (OSError, ValueError, KeyError) as error:
            raise ProbeError(f"{path.name} is not a saved probe: {error}") from error


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
    """The arrays that `unlike` needs, from training and validation states of one layer."""
    components = max(1, min(most, len(train) // 5, train.shape[1]))
    pca = PCA(components, random_state=0).fit(train)
    spread = np.sqrt(np.maximum(pca.explained_variance_, 1e-12))
    distances = np.sort(mahalanobis(held_out, pca.mean_, pca.components_, spread))
    return {"centre": pca.mean_, "components": pca.components_, "spread": spread, "distances": distances}


def fit_platt(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Slope and intercept of a logistic curve from scores to probabilities. Source: Platt 1999."""
    scale = float(np.std(scores)) or 1.0
    curve = LogisticRegression(C=1.0).fit((scores / scale)[:, None], target)
    return np.array([curve.coef_[0, 0] / scale, curve.intercept_[0]])
