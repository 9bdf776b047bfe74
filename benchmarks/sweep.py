"""The probe sweep as a row of the table; what it measures stands in `benchmarks.probes`."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.probes import BAR, FOLDS, compare_probes, made_states
from benchmarks.row import Bar, Found, Row, measure_row

ANSWERS, DIMENSIONS = 1000, 576


def sweep_rows(bench: Bench) -> Iterator[Row]:
    """One row: all layers in five folds."""
    yield measure_row(
        "probe sweep over all layers, five-fold",
        "scikit-learn in a joblib loop on all cores",
        Bar(BAR),
        partial(measure, bench.size.layers, bench.size.pairs),
    )


def measure(layers: int, pairs: int) -> Found:
    """Logistic regression at every layer of made states.

    Raises:
        DisagreementError: AUROCs of both sides differ.
    """
    found = compare_probes(made_states(layers, ANSWERS, DIMENSIONS), pairs)
    checked = (
        f"{FOLDS} folds at {found.layers} layers of made states, {found.answers:,} answers × "
        f"{found.dimensions}; joblib by {found.backend}; AUROCs of {found.auroc[0]:.2f} to "
        f"{found.auroc[1]:.2f} differ by {found.difference:.1e} at most"
    )
    return Found(found.ratios, checked, {"seconds": found.seconds, "seconds_against": found.loop_seconds})
