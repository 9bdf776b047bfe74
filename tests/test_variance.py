"""The decomposition of a crossed grid's variance: planted components come back, and doubt is shown."""

import numpy as np
import pytest

from core.errors import ProbeError
from core.probes.variance import RESIDUAL, decompose

FACTORS = ("wording", "source", "method", "layer")


def grid(generator, sizes, spreads, residual=0.5):
    """Values with a normal effect for each planted term: axes → standard deviation."""
    values = generator.normal(scale=residual, size=sizes)
    for term, spread in spreads.items():
        shape = [size if axis in term else 1 for axis, size in enumerate(sizes)]
        values = values + generator.normal(scale=spread, size=shape)
    return values


def by_name(found):
    return {component.name: component for component in found.components}


def test_an_additive_grid_is_known_by_hand():
    """Rows 2 apart, columns 1 apart: mean squares 6 and 2, no residual."""
    found = decompose(np.array([[1.0, 2, 3], [3, 4, 5]]), ["wording", "source"])
    parts = by_name(found)
    assert parts["wording"].variance == pytest.approx(2) and parts["wording"].degrees == 1
    assert parts["source"].variance == pytest.approx(1) and parts["source"].degrees == 2
    assert parts[RESIDUAL].variance == pytest.approx(0) and parts[RESIDUAL].degrees == 2
    assert parts["wording"].share == pytest.approx(2 / 3)
    assert "two factors" in found.notes()[0]


def test_planted_components_are_recovered():
    generator, planted = np.random.default_rng(0), {(0,): 1.0, (1,): 0.5, (3,): 1.0, (0, 1): 0.5}
    found = [
        {
            name: part.variance
            for name, part in by_name(
                decompose(grid(generator, (5, 4, 3, 8), planted), FACTORS, draws=2)
            ).items()
        }
        for _ in range(500)
    ]
    mean = {name: np.mean([parts[name] for parts in found]) for name in found[0]}
    assert mean["wording"] == pytest.approx(1, abs=0.15) and mean["layer"] == pytest.approx(1, abs=0.1)
    assert mean["source"] == pytest.approx(0.25, abs=0.05)
    assert mean["wording × source"] == pytest.approx(0.25, abs=0.03)
    assert mean[RESIDUAL] == pytest.approx(0.25, abs=0.01)
    absent = set(mean) - {"wording", "layer", "source", "wording × source", RESIDUAL}
    assert len(absent) == 6 and all(mean[name] < 0.01 for name in absent)


def test_what_is_not_there_is_about_0_and_below_it_is_said():
    found = decompose(grid(np.random.default_rng(1), (5, 4, 3, 8), {(0,): 1.0}), FACTORS)
    negative = [part for part in found.components if part.negative]
    assert negative and all(part.variance == 0 and part.ci[0] == 0 for part in negative)
    assert negative[0].name in found.notes()[-1] and "set to 0" in found.notes()[-1]
    assert found.largest.name == "wording" and sum(part.share for part in found.components) == pytest.approx(
        1
    )


def test_intervals_hold_the_planted_share_and_two_levels_say_little():
    generator, planted = np.random.default_rng(2), {(0,): 1.0, (2,): 0.5}
    true = {"wording": 1 / 1.5, "source": 0.0, "method": 0.25 / 1.5}
    held, width = {name: 0 for name in true}, []
    for seed in range(200):
        found = by_name(decompose(grid(generator, (6, 2, 5), planted), FACTORS[:3], draws=400, seed=seed))
        for name, share in true.items():
            held[name] += found[name].ci[0] <= share <= found[name].ci[1]
    assert all(times >= 180 for times in held.values()) and held["wording"] < 200
    for _ in range(50):
        two = by_name(decompose(grid(generator, (2, 8), {(0,): 1.0}), FACTORS[:2], draws=400))["wording"]
        width.append(two.ci[1] - two.ci[0])
    assert np.median(width) > 0.5


def test_a_factor_with_one_level_is_left_out_and_said():
    found = decompose(grid(np.random.default_rng(3), (4, 1, 3, 5), {(0,): 1.0}), FACTORS)
    assert found.left_out == ("source",) and "source" not in "".join(by_name(found))
    assert "one source: nothing can be said of sources" in found.notes()


def test_the_sentence_names_the_largest_part_and_its_doubts():
    generator = np.random.default_rng(4)
    clear = decompose(grid(generator, (8, 4, 3, 9), {(3,): 2.0}, 0.2), FACTORS)
    assert clear.sentence(0.01).startswith("The result hangs most on the layer: ")
    assert "draws" not in clear.sentence(0.01) and "noise" not in clear.sentence(0.01)
    assert "it may be noise" in clear.sentence(100.0)
    together = decompose(grid(generator, (8, 8, 3, 4), {(0, 1): 2.0}, 0.2), FACTORS)
    assert "on the wording and the source together: " in together.sentence(0.01)
    close = decompose(grid(generator, (3, 3, 2, 4), {(0,): 1.0, (1,): 1.0}), FACTORS)
    assert "uncertain" in close.sentence(0.01) and close.largest_in < 0.95
    assert "left over" in decompose(grid(generator, (9, 9), {}), FACTORS[:2]).sentence(0.01)


def test_cells_that_are_all_the_same_hang_on_nothing():
    found = decompose(np.full((3, 4, 2), 0.7), FACTORS[:3])
    assert found.sentence(0.1) == "All 24 cells have the same AUROC: there is nothing for it to hang on."
    assert all(part.variance == 0 and np.isnan(part.share) for part in found.components)


def test_a_grid_with_missing_cells_or_one_factor_is_refused():
    values = np.ones((3, 4))
    values[1, 2] = np.nan
    with pytest.raises(ProbeError, match="1 of 12 values of the grid are missing"):
        decompose(values, FACTORS[:2])
    with pytest.raises(ProbeError, match="layer alone varies"):
        decompose(np.ones((1, 1, 1, 5)), FACTORS)
