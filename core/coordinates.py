"""The arithmetic of projections: standardise, PCA, and poses that agree from layer to layer. Arrays only."""

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

CONSTANT = 1e-6


def standardise(states: np.ndarray) -> np.ndarray:
    """Features with mean 0 and standard deviation 1, float32 (n, features); constant features become 0.

    A feature whose spread is within float32's rounding of its mean counts as constant.
    """
    mean = states.mean(axis=0, dtype=np.float64)
    centred = (states - mean).astype(np.float32)
    spread = np.sqrt(np.mean(np.square(centred), axis=0, dtype=np.float64))
    constant = spread <= CONSTANT * np.abs(mean) + np.finfo(np.float32).tiny
    centred[:, constant] = 0
    return centred / np.where(constant, 1, spread).astype(np.float32)


def principal_components(features: np.ndarray, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, k) on the first principal axes, and each one's share of the variance, (k,).

    k is `wanted` or what n and the number of features allow. Zeros where the features do not vary.
    Randomised where that is faster (Halko, Martinsson and Tropp 2011).
    """
    k = min(wanted, *features.shape)
    if not features.any():
        return np.zeros((len(features), k), np.float32), np.zeros(k)
    model = PCA(k, random_state=seed)
    # OpenBLAS threads wait for each other in busy loops: beside a harvest, one alone is many times faster.
    with threadpool_limits(1, user_api="blas"):
        found = model.fit_transform(features).astype(np.float32)
    return found, model.explained_variance_ratio_.astype(float)


def unit_size(coordinates: np.ndarray) -> np.ndarray:
    """Centred, with a root-mean-square distance of 1 from the centre; all zeros stay zeros."""
    centred = coordinates - coordinates.mean(axis=0)
    size = np.sqrt(np.square(centred).sum(axis=1).mean())
    return (centred / size if size > 0 else centred).astype(np.float32)


def match_signs(coordinates: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Axes turned round where they run against the layer before, so that points keep their place."""
    against = (coordinates * before).sum(axis=0) < 0
    return np.where(against, -coordinates, coordinates)


def match_pose(coordinates: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Rotated, reflected, moved and scaled onto the layer before (orthogonal Procrustes, Schönemann 1966).

    Scaled to the size of `before`, not to the least-squares scale: that shrinks a cloud that has changed.
    """
    centre = before.mean(axis=0)
    target = before - centre
    moved = unit_size(coordinates)
    left, _, right = np.linalg.svd(moved.T @ target)
    size = np.sqrt(np.square(target).sum(axis=1).mean())
    return (moved @ (left @ right) * size + centre).astype(np.float32)
