"""What a fitted probe says of new states: probabilities that hold, strangers that are seen, and never NaN."""

import warnings

import numpy as np
import pytest

from core.probes.bundle import FittedProbe, describe_training, fit_platt
from core.probes.methods import METHODS
from core.probes.pipeline import direction, fit_parameters, make_probe

BESIDE = {
    "ttpd": {"polarity": np.tile([1, 1, -1, -1], 3)},
    "paired-difference": {"pair": np.arange(12) // 2, "lying": np.arange(12) % 2},
    "paired-component": {"pair": np.arange(12) // 2, "lying": np.arange(12) % 2},
}
"""What methods need besides 12 labels."""


def bundle(train, held_out, target, vector):
    scores = held_out @ vector
    return FittedProbe(
        facts={"target": "truth", "position": "prompt"},
        vectors=vector[None],
        intercepts=np.zeros(1),
        layer=0,
        platt=fit_platt(scores, target),
        training_scores=train @ vector,
        training_target=target,
        **describe_training(train, held_out),
    )


def test_the_probability_is_calibrated_and_rises_with_the_score():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(6000, 8))
    vector = np.array([2.0, 1, 0, 0, 0, 0, 0, 0])
    target = (rng.random(6000) < 1 / (1 + np.exp(-(1.5 * states @ vector - 0.5)))).astype(float)
    found = bundle(states[:2000], states[:2000], target[:2000], vector)
    scores = states[2000:] @ vector
    probability = found.probability(scores)
    for low in np.arange(0, 1, 0.2):
        inside = (probability >= low) & (probability < low + 0.2)
        assert probability[inside].mean() == pytest.approx(target[2000:][inside].mean(), abs=0.05)
    assert (np.diff(found.probability(np.sort(scores))) >= 0).all()
    assert found.platt == pytest.approx([1.5, -0.5], abs=0.2)
    assert found.probability(np.array([-1e9, 1e9])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("scores", "target", "probability"),
    [([3, 3, 3, 3], [0, 1, 1, 1], 4 / 6), ([1, 2], [1, 1], 3 / 4), ([1, 2, 3, 4], [1, 1, 0, 0], 1 / 2)],
)
def test_scores_that_say_nothing_give_the_share_of_positives(scores, target, probability):
    slope, intercept = fit_platt(np.array(scores), np.array(target))
    assert slope == 0 and 1 / (1 + np.exp(-intercept)) == pytest.approx(probability)


@pytest.mark.parametrize("method", METHODS)
def test_states_that_do_not_vary_say_nothing_and_break_nothing(method):
    constant = np.full((12, 6), 0.37, dtype=np.float32)
    target = np.arange(12) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        beside = fit_parameters(BESIDE.get(method, {}))
        vector, intercept = direction(make_probe(method).fit(constant, target, **beside))
        assert np.abs(vector).max() < 1e-6 and abs(intercept) < 1e-6
        found = bundle(constant, constant[:4], target[:4], vector)
        assert found.probability(constant @ vector) == pytest.approx(np.full(12, 0.5))
        percentile, unlike = found.unlike(np.stack([constant[0], constant[0] + 1e-7, constant[0] + 9]))
    assert unlike.tolist() == [False, False, True] and not np.isnan(percentile).any()


def test_two_training_states_are_enough():
    rng = np.random.default_rng(0)
    found = describe_training(rng.normal(size=(2, 5)), rng.normal(size=(1, 5)))
    assert all(np.isfinite(array).all() for array in found.values())
    zero = describe_training(np.zeros((3, 5)), np.zeros((2, 5)))
    assert all(np.isfinite(array).all() for array in zero.values())


def test_held_out_states_of_the_same_kind_are_rarely_strangers():
    rng = np.random.default_rng(0)
    train, held_out, new = (rng.normal(size=(n, 30)) + 5 for n in (200, 400, 1000))
    found = bundle(train, held_out, np.arange(400) % 2, np.ones(30))
    assert found.unlike(new)[1].mean() < 0.03
    assert found.unlike(new + 5)[1].mean() > 0.9
