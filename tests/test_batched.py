"""Many logistic regressions at once: each equals scikit-learn's."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.probes.batched import AS_SCIKIT_LEARN, TOLERANCE, C, fit_many
from core.probes.metrics import auroc


@pytest.fixture(scope="module")
def made():
    """States of very different spread, one column constant, and labels that they half tell."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 150)
    spread = np.exp(2 * rng.normal(size=60))
    X = (rng.normal(size=(150, 60)) + 0.4 * y[:, None] * rng.normal(size=60)) * spread + 30 * rng.normal(
        size=60
    )
    X[:, 7] = 5.0
    return X.astype(np.float32), y


def of_scikit_learn(X, y, counts):
    rows = np.repeat(np.arange(len(y)), counts)
    classifier = LogisticRegression(C=C, max_iter=5000, tol=1e-8)
    pipeline = make_pipeline(StandardScaler(), classifier)
    return pipeline.fit(X[rows].astype(np.float64), y[rows]).decision_function(X.astype(np.float64))


def test_folds_equal_a_pipeline_fitted_on_each(made):
    X, y = made
    weights = np.array([np.arange(150) % 5 != fold for fold in range(5)]).astype(int)
    scores = fit_many(X, y, weights).scores(X.astype(np.float64))
    for number, counts in enumerate(weights):
        assert scores[:, number] == pytest.approx(of_scikit_learn(X, y, counts), abs=1e-3)


def test_permutations_equal_a_pipeline_fitted_on_each(made):
    X, y = made
    rng = np.random.default_rng(1)
    targets = np.array([rng.permutation(y) for _ in range(6)])
    counts = (np.arange(150) < 50).astype(int)  # fewer rows than columns
    found = fit_many(X, targets, np.tile(counts, (6, 1))).scores(X.astype(np.float64))
    for number, target in enumerate(targets):
        learnt = counts.astype(bool)
        assert found[learnt, number] == pytest.approx(of_scikit_learn(X, target, counts)[learnt], abs=1e-3)


def test_resamples_equal_a_pipeline_fitted_on_each(made):
    X, y = made
    rng = np.random.default_rng(2)
    weights = np.array([np.bincount(rng.integers(150, size=150), minlength=150) for _ in range(4)])
    scores = fit_many(X, y, weights).scores(X.astype(np.float64))
    for number, counts in enumerate(weights):
        assert scores[:, number] == pytest.approx(of_scikit_learn(X, y, counts), abs=1e-3)


def like_a_residual_stream(strength, n=600, d=96):
    """Variances that fall off, four dimensions wide and far from zero, a label in the noise."""
    rng = np.random.default_rng(3)
    y = rng.permutation(np.arange(n) % 2)
    spread = np.arange(1, d + 1) ** -0.8
    drawn = rng.normal(size=(n, d))
    drawn[:, 20] += strength * (2 * y - 1)
    X = drawn * spread @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    X[:, :4] = 30 * X[:, :4] + (1500, -400, 90, 12)
    return X.astype(np.float32), y


@pytest.mark.parametrize("strength", [0, 1, 12], ids=["chance", "half told", "separable"])
@pytest.mark.parametrize("tolerance", [TOLERANCE, AS_SCIKIT_LEARN])
def test_ill_conditioned_states_give_the_aurocs_and_weights_of_a_pipeline(strength, tolerance):
    X, y = like_a_residual_stream(strength)
    fold = np.arange(600) % 5
    weights = np.array([fold != number for number in range(5)]).astype(int)
    found = fit_many(X, y, weights, tolerance=tolerance)
    for number, counts in enumerate(weights):
        exact = of_scikit_learn(X, y, counts)
        scores = found.scores(X.astype(np.float64))[:, number]
        out = fold == number
        assert auroc(y[out], scores[out]) == pytest.approx(auroc(y[out], exact[out]), abs=1e-3)
        assert np.abs(scores - exact).max() < (2e-3 if tolerance == TOLERANCE else 5e-2) * exact.std()


def test_fewer_rows_than_dimensions_and_rows_that_come_twice():
    X, y = like_a_residual_stream(1, n=40)
    X, y = np.concatenate([X, X]), np.concatenate([y, y])
    weights = np.array([np.arange(80) % 40 % 5 != number for number in range(5)]).astype(int)
    scores = fit_many(X, y, weights).scores(X.astype(np.float64))
    for number, counts in enumerate(weights):
        assert scores[:, number] == pytest.approx(of_scikit_learn(X, y, counts), abs=2e-3)


def test_a_dimension_that_varies_in_no_row_of_a_problem_has_no_weight_in_it(made):
    X, y = made[0].copy(), made[1]
    fold = np.arange(150) % 5
    X[:, 3] = np.where(fold == 0, X[:, 3], 2.0)
    weights = np.array([fold != number for number in range(5)]).astype(int)
    found = fit_many(X, y, weights)
    assert found.vectors[0, 3] == 0 and found.vectors[1, 3] != 0
    assert found.scores(X.astype(np.float64))[:, 0] == pytest.approx(
        of_scikit_learn(X, y, weights[0]), abs=1e-3
    )


def test_what_has_no_weight_is_never_looked_at(made):
    X, y = made
    counts = (np.arange(150) < 100).astype(int)[None]
    spoilt, unknown = X.copy(), y.astype(float)
    spoilt[100:], unknown[100:] = 1e6, np.nan
    assert np.allclose(fit_many(X, y, counts).vectors, fit_many(spoilt, unknown, counts).vectors)


def test_states_may_lie_by_columns_and_be_read_only(made):
    X, y = made
    turned = np.asfortranarray(X)
    turned.flags.writeable = False
    weights = np.ones((1, 150))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_many(turned, y, weights)
    assert found.vectors == pytest.approx(fit_many(X, y, weights).vectors, abs=1e-6)


def test_states_of_fewer_dimensions_than_columns_equal_a_pipeline():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 200)
    X = (rng.normal(size=(200, 3)) + 0.5 * y[:, None]) @ rng.normal(size=(3, 80)) + 50
    X = (X + 1e-4 * rng.normal(size=X.shape)).astype(np.float32)
    weights = np.array([np.bincount(rng.integers(200, size=200), minlength=200) for _ in range(60)])
    scores = fit_many(X, y, weights).scores(X.astype(np.float64))
    for number in range(0, 60, 20):
        assert scores[:, number] == pytest.approx(of_scikit_learn(X, y, weights[number]), abs=2e-3)


def test_states_that_never_vary_give_no_direction_and_no_warning():
    found = fit_many(np.ones((20, 4)), np.arange(20) % 2, np.ones((1, 20)))
    assert np.allclose(found.vectors, 0)


def test_one_class_is_refused(made):
    X, y = made
    with pytest.raises(ValueError, match="one class"):
        fit_many(X, y, (y == 1).astype(int)[None])
