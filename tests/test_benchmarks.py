"""The benchmark runs, counts right, and reports no speed where the states differ. Nothing here is timed."""

import pytest

import benchmarks.compare as comparing
import benchmarks.probes as probing
from benchmarks.__main__ import machine, probe_table, table
from benchmarks.arithmetic import flop
from benchmarks.compare import DisagreementError, compare
from benchmarks.probes import BACKENDS, compare_probes, made_states
from core.models.catalog import ModelSettings
from core.models.loading import load_model


@pytest.fixture(scope="module")
def loaded(tiny, cache):
    return load_model(ModelSettings(str(tiny)), cache)


def test_both_sides_are_compared_on_the_same_prompts(loaded, cache):
    made = compare(loaded, cache, questions=4, shots=6, pairs=2, side=64)
    assert (made.answers, len(made.ratios), made.bar) == (8, 2, 5.0)
    assert made.disagreement < 1e-4
    assert made.loop.tokens == made.prompt_tokens * 8
    assert made.harvest.tokens < made.loop.tokens / 2
    assert "6-shot: bar 5 ×" in table(machine(loaded.device), "tiny", [made])


def test_no_speed_where_states_differ(loaded, cache, monkeypatch):
    plain_loop = comparing.looped

    def wrong(prompts, loaded):
        seconds, states = plain_loop(prompts, loaded)
        states[0, 1] *= 1.001
        return seconds, states

    monkeypatch.setattr(comparing, "looped", wrong)
    with pytest.raises(DisagreementError, match=r"differ by 1\.0e-03"):
        compare(loaded, cache, questions=4, shots=0, pairs=1, side=64)


def test_flop_known_by_hand(loaded):
    weights = 3 * (32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64)
    assert flop(loaded, 1, 0, heads=0) == 2 * weights + 4 * 32 * 3
    assert flop(loaded, 2, 5, heads=0) == 4 * weights + 4 * 32 * 3 * 13
    assert flop(loaded, 0, 0) == 2 * 32 * 49152


@pytest.fixture(scope="module")
def made():
    return made_states(layers=6, answers=1000, dimensions=64)


def test_probes_of_both_sides_agree_on_made_states(made):
    found = compare_probes(made, pairs=2)
    assert (found.layers, found.answers, found.dimensions, len(found.ratios)) == (6, 1000, 64, 2)
    assert found.difference <= 1e-3
    assert found.auroc[0] < 0.65 and found.auroc[1] > 0.9
    assert found.backend in BACKENDS and "bar 10 ×" in probe_table(found)


def test_no_speed_where_aurocs_differ(made, monkeypatch):
    right = probing.looped
    monkeypatch.setattr(probing, "looped", lambda made, backend: right(made, backend) + 0.002)
    with pytest.raises(DisagreementError, match=r"differ by 2\.\de-03"):
        compare_probes(made, pairs=1)
