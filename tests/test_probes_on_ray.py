"""Probes whose layers are fitted on a real Ray cluster of two workers come to the figures of this process."""

import json
import os
import shutil
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
import ray

from core.cli import main
from core.engine.on_ray import harvest_on_ray
from core.engine.ray_crew import Cluster
from core.engine.settings import HarvestSettings
from core.errors import ProbeError, StoreError
from core.probes.spread import is_spread, on_ray, over_layers
from core.store.runs import RunStore
from tests.conftest import beside
from tests.object_store import ObjectStore

ASKED = ("harvest", "--n", "100", "--position", "prompt")
COMMANDS = [
    ("sweep",),
    ("transfer", "--method", "difference-of-means", "--judge-mode", "flip", "--judge-mode", "lie"),
    ("probe", "--permutations", "20"),
    ("probe", "--cross-validate"),
    ("read-or-said", "--resamples", "20"),
]
SAME = 1e-6


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with two runs of the tiny model, on other questions."""
    folder = beside(cache, tmp_path_factory.mktemp("lab"))
    for data in ("movie-reviews", "amazon-reviews"):
        assert main([*ASKED, "--data", data, "--model", str(tiny), "--cache", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def cluster():
    """Ray with two workers, on which what is asked for `--engine ray` runs."""
    with pytest.MonkeyPatch.context() as patched:
        bucket = ObjectStore(patched)  # before Ray starts: workers have the environment of that moment
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield Cluster(workers=2)
        ray.shutdown()
        bucket.end()


@pytest.fixture(scope="module")
def figures(lab, tmp_path_factory):
    """What each command comes to in this process, as JSON."""
    folder, found = tmp_path_factory.mktemp("figures"), {}
    for command in COMMANDS:
        with redirect_stdout(StringIO()) as out:
            shutil.copytree(lab, folder / str(len(found)), symlinks=True)
            assert main([*asked_of(command, lab), "--json", "--cache", str(folder / str(len(found)))]) == 0
        assert not is_spread()
        found[command] = json.loads(out.getvalue())
    return found


@pytest.fixture(scope="module")
def spread(figures, cluster):
    """What is asked here runs on the cluster, whose workers start once."""
    with on_ray(cluster):
        yield


def alike(one, other):
    """Whether two JSON values are the same, numbers to a tolerance."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float):
        return other == pytest.approx(one, abs=SAME)
    return one == other


def asked_of(command, cache):
    runs = [run.run for run in RunStore(cache).runs()]
    return [command[0], *(runs[:1] if command[0] in ("probe", "read-or-said") else runs), *command[1:]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_figures_are_those_of_this_process(command, lab, figures, tmp_path, spread, capsys):
    shutil.copytree(lab, tmp_path / "there", symlinks=True)
    asked = [*asked_of(command, lab), "--json", "--cache", str(tmp_path / "there")]
    capsys.readouterr()
    assert main(asked) == 0
    assert alike(figures[command], json.loads(capsys.readouterr().out))


def test_layers_are_made_by_others_in_order_and_a_refusal_is_the_same(spread):
    def name(layer, _):
        return layer, os.getpid()

    def refuse(layer, _):
        raise ProbeError(f"layer {layer} has one class")

    made = list(over_layers(name, range(5), lambda: False))
    assert [layer for layer, _ in made] == list(range(5))
    assert os.getpid() not in {worker for _, worker in made}
    with pytest.raises(ProbeError, match="has one class"):
        list(over_layers(refuse, range(3), lambda: False))
    assert len(list(over_layers(name, range(3), lambda: False))) == 3, "the workers are still there"


def test_a_command_starts_workers_of_its_own_on_the_cluster_that_it_is_told(lab, figures, cluster, capsys):
    asked = [*asked_of(("sweep",), lab), "--json", "--cache", str(lab)]
    capsys.readouterr()
    assert main([*asked, "--engine", "ray", "--workers", "2"]) == 0
    assert alike(figures[("sweep",)], json.loads(capsys.readouterr().out))


def test_what_makes_no_sense_is_refused_in_a_sentence(lab, capsys):
    run = RunStore(lab).runs()[0].run
    for more, why in (
        (("--workers", "2"), "for --engine ray"),
        (("--engine", "ray", "--workers", "1"), "no faster than none"),
        (("--engine", "ray", "--workers", "0"), "at least one"),
    ):
        assert main(["probe", run, "--cache", str(lab), *more]) == 2
        assert why in capsys.readouterr().err
    with pytest.raises(StoreError, match="no faster"), on_ray(Cluster(workers=1)):
        pass


def test_workers_write_the_states_of_a_harvest_into_a_bucket(lab, cache, tmp_path, cluster):
    mine = RunStore(lab)
    run = mine.runs()[0]
    other = RunStore(beside(cache, tmp_path), "s3://bucket/runs")
    made = harvest_on_ray(HarvestSettings.from_dict(run.settings), other, Cluster(workers=1))
    assert made.complete and other.url_of_states(run.run).startswith("s3://bucket/runs/")
    assert other.rows(run.run) == mine.rows(run.run) and not other.damaged(run.run)
    answers = np.arange(run.answers)
    for layer in range(run.facts["layers"]):
        here, there = (store.layer(run.run, "prompt", layer, answers) for store in (mine, other))
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-6)
