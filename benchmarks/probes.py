"""Five folds of logistic regression at every layer: Telltale's solve, and scikit-learn's loop over layers.

The states are made, not harvested: their variances fall off as those of residual streams do, a few dimensions
are thirty times as wide and far from zero, and each layer tells the label through noise of another strength,
from not at all to nearly always. Both sides start from the same float32 states and end with an AUROC for
every layer and fold, on all cores.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.compare import DisagreementError
from core.probes.batched import AS_SCIKIT_LEARN, C, fit_many
from core.probes.metrics import auroc
from core.probes.side_by_side import side_by_side

BAR = 10.0
TOLERANCE = 1e-3
FOLDS = 5
STRENGTHS = (0.0, 0.3, 0.6, 1.0, 2.0, 4.0)
"""Distance between the classes along one direction, in half standard deviations of the states along it."""
BACKENDS = ("loky", "threading")


@dataclass(frozen=True, eq=False)
class Made:
    """States (layers, n, d) in float32, the label of each answer (n,), 0 or 1, and its fold (n,)."""

    states: np.ndarray
    label: np.ndarray
    fold: np.ndarray


@dataclass(frozen=True)
class ProbeComparison:
    """One row of the table.

    Attributes:
        seconds: Telltale's, of each pair; loop_seconds: scikit-learn's.
        backend: joblib's, whichever was faster before anything was compared.
        ratio: scikit-learn's time ÷ Telltale's: median, least, most.
        auroc: mean over folds, at the layer where it is least and where it is most.
        difference: largest between the AUROCs of both sides, over layers and folds.
    """

    layers: int
    answers: int
    dimensions: int
    bar: float
    backend: str
    seconds: list[float]
    loop_seconds: list[float]
    ratio: tuple[float, float, float]
    ratios: list[float]
    auroc: tuple[float, float]
    difference: float

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.ratio[0] >= self.bar

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return asdict(self) | {"states": "made", "folds": FOLDS, "met": self.met}


@threadpool_limits.wrap(limits=1, user_api="blas")
def made_states(layers: int, answers: int, dimensions: int, seed: int = 0) -> Made:
    """States as the head of this file says."""
    generator = np.random.default_rng(seed)
    label = generator.permutation(np.arange(answers) % 2)
    spread = np.arange(1, dimensions + 1) ** -0.8
    wide = generator.choice(dimensions, 4, replace=False)
    states = np.empty((layers, answers, dimensions), dtype=np.float32)
    for layer in range(layers):
        turned = np.linalg.qr(generator.normal(size=(dimensions, dimensions)))[0]
        drawn = generator.normal(size=(answers, dimensions))
        drawn[:, generator.integers(5, dimensions // 10)] += STRENGTHS[layer % len(STRENGTHS)] * (
            2 * label - 1
        )
        made = drawn * spread @ turned + 0.01 * generator.normal(size=(answers, dimensions))
        made[:, wide] = 30 * made[:, wide] + (450, 150, -25, 12)
        states[layer] = made
    return Made(states, label, generator.permutation(np.arange(answers) % FOLDS))


def compare_probes(made: Made, pairs: int) -> ProbeComparison:
    """Both sides in turn, `pairs` times, after a look at which of joblib's backends is the faster.

    Raises:
        DisagreementError: any two AUROCs differ by more than `TOLERANCE`.
    """
    _timed(partial(solved, made))
    looked = {}
    for backend in BACKENDS:
        looped(made, backend)
        looked[backend] = _timed(partial(looped, made, backend))[0]
    backend = min(looked, key=looked.__getitem__)
    seconds, loop_seconds, difference = [], [], 0.0
    for _ in range(pairs):
        ours, found = _timed(partial(solved, made))
        theirs, expected = _timed(partial(looped, made, backend))
        seconds.append(ours)
        loop_seconds.append(theirs)
        difference = max(difference, float(np.abs(found - expected).max()))
        if not difference <= TOLERANCE:
            raise DisagreementError(
                f"AUROCs of the solve and of scikit-learn differ by {difference:.1e}, more than "
                f"{TOLERANCE:g}: no speed is reported"
            )
    ratios = [loop / own for loop, own in zip(loop_seconds, seconds, strict=True)]
    by_layer = expected.mean(axis=1)
    layers, answers, dimensions = made.states.shape
    return ProbeComparison(
        layers=layers,
        answers=answers,
        dimensions=dimensions,
        bar=BAR,
        backend=backend,
        seconds=seconds,
        loop_seconds=loop_seconds,
        ratio=(median(ratios), min(ratios), max(ratios)),
        ratios=ratios,
        auroc=(float(by_layer.min()), float(by_layer.max())),
        difference=difference,
    )


def solved(made: Made) -> np.ndarray:
    """Telltale's AUROC at every layer in every fold, (layers, folds)."""
    weights = np.array([made.fold != number for number in range(FOLDS)])

    def of_layer(states: np.ndarray) -> list[float]:
        found = fit_many(states, made.label, weights, tolerance=AS_SCIKIT_LEARN)
        return [
            auroc(made.label[test], states[test] @ vector)
            for test, vector in zip(~weights, found.vectors.astype(np.float32), strict=True)
        ]

    return np.array(list(side_by_side(of_layer, made.states)))


def looped(made: Made, backend: str) -> np.ndarray:
    """Scikit-learn's, in joblib's loop over layers with a worker to a core and a BLAS thread to a worker."""
    limit = {"inner_max_num_threads": 1} if backend == "loky" else {}
    with (
        threadpool_limits(1, user_api="blas"),  # threads share this process's; loky's have their own limit
        Parallel(n_jobs=torch.get_num_threads(), backend=backend, **limit) as parallel,
    ):
        return np.array(parallel(delayed(_of_layer)(states, made.label, made.fold) for states in made.states))


def _of_layer(states: np.ndarray, label: np.ndarray, fold: np.ndarray) -> list[float]:
    found = []
    for number in range(FOLDS):
        train, test = fold != number, fold == number
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=500))
        probe.fit(states[train], label[train])
        found.append(float(roc_auc_score(label[test], probe.decision_function(states[test]))))
    return found


def _timed(side: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    began = perf_counter()
    found = side()
    return perf_counter() - began, found
