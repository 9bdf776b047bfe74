"""A harvest on a real Ray cluster of two workers equals the local one, also where one of them is killed."""

import os
import signal

import numpy as np
import pytest
import ray

from core.cli import main
from core.engine import ray_crew
from core.engine.harvest import harvest, prepare
from core.engine.on_ray import harvest_on_ray
from core.engine.ray_crew import TRIES, Cluster, Group
from core.engine.ray_worker import Worker
from core.engine.settings import HarvestSettings
from core.engine.storing import begin
from core.errors import ModelError, StoreError
from core.jobs import Jobs
from core.models.loading import load_model
from core.signals import INTERRUPTED
from core.store.runs import RunStore
from dashboard import work
from tests.conftest import beside

# Few enough that nobody searches for the best size of a batch, which goes by the clock, and changes digits.
ASKED = ("harvest", "--data", "movie-reviews", "--n", "200", "--contrast", "--wording", "0", "--wording", "1")


@pytest.fixture(scope="module")
def local(cache, tiny, tmp_path_factory):
    """The store and run of a harvest in this process."""
    folder = beside(cache, tmp_path_factory.mktemp("local"))
    assert main([*ASKED, "--model", str(tiny), "--cache", str(folder)]) == 0
    [run] = RunStore(folder).runs()
    return RunStore(folder), run


@pytest.fixture
def store(cache, tmp_path):
    return RunStore(beside(cache, tmp_path))


def check_alike(local, other):
    mine, run = local
    assert other.run(run.run).complete and other.rows(run.run) == mine.rows(run.run)
    answers = np.array([row["answer"] for row in mine.rows(run.run)])
    for position in (*mine.states(run.run).positions(), "choice_0", "choice_1"):
        for layer in range(run.facts["layers"]):
            np.testing.assert_allclose(
                other.layer(run.run, position, layer, answers),
                mine.layer(run.run, position, layer, answers),
                rtol=1e-4,
                atol=1e-6,
            )
    assert other.run(run.run).facts == run.facts
    assert other.calibrations(run.run).equals(mine.calibrations(run.run))
    assert not other.damaged(run.run)


def test_a_worker_killed_in_the_middle_changes_nothing(local, store):
    pids, killed = [], []

    def progress(state):
        if state.made and not killed:
            killed.append(pids[-1])
            os.kill(pids[-1], signal.SIGKILL)

    settings = HarvestSettings.from_dict(local[1].settings)
    made = harvest_on_ray(settings, store, Cluster(workers=2), progress=progress, started=pids.extend)
    assert killed and made.complete and made.answers == made.made == local[1].planned
    assert len(pids) >= 2, "another went on; nobody waits for the one in the place of the killed one"
    check_alike(local, store)


def test_the_generate_page_sends_a_harvest_to_the_cluster_that_the_environment_names(local, store):
    settings = HarvestSettings.from_dict(local[1].settings)
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        state = Jobs().start("harvest", work.harvest_on_cluster(settings, store, "auto")).wait()
    finally:
        ray.shutdown()
    assert state.error is None and state.about == local[1].run and state.what.endswith("on Ray")
    check_alike(local, store)


def test_what_a_cancelled_harvest_left_is_not_made_again_and_by_either_engine(local, store, cache):
    settings, made_now = HarvestSettings.from_dict(local[1].settings), []

    def stop():
        return bool(made_now)

    def progress(state):
        if state.made:
            made_now.append(state.made)

    first = harvest_on_ray(settings, store, Cluster(workers=1), progress=progress, cancelled=stop)
    assert 0 < first.answers < local[1].planned and not first.complete
    loaded = load_model(settings.model, cache)
    rest = harvest(prepare(settings, loaded, store.cache), loaded, store)
    assert rest.complete and rest.made == local[1].planned - first.answers
    check_alike(local, store)


def test_the_one_gpu_of_a_cluster_is_asked_for_its_memory_while_it_is_free(local, store, monkeypatch):
    def memory(ray):
        return float(ray.get(ray.remote(lambda: 8e10).options(num_gpus=1).remote(), timeout=60))

    monkeypatch.setattr(ray_crew, "gpu_memory", memory)
    ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    try:
        made = harvest_on_ray(HarvestSettings.from_dict(local[1].settings), store, Cluster())
    finally:
        ray.shutdown()
    assert made.complete and made.answers == local[1].planned


def test_a_harvest_that_is_ended_says_what_is_kept_and_before_it_what_passes_the_budget(
    store, tiny, monkeypatch, capsys
):
    def end(state):
        if state.made:
            raise KeyboardInterrupt

    monkeypatch.setattr("core.commands.harvest.shown_on", lambda _: end)
    monkeypatch.setenv("TELLTALE_BUDGET_GB", "0.000001")
    asked = [*ASKED, "--model", str(tiny), "--cache", str(store.cache), "--engine", "ray", "--workers", "1"]
    assert main(asked) == INTERRUPTED
    said, [run] = capsys.readouterr().err, store.runs()
    assert "passes the budget" in said
    assert f"{run.answers:,} of {run.planned:,} answers of run {run.run} are kept" in said and run.answers


def test_a_worker_plans_and_writes_without_the_database(local, store, monkeypatch):
    settings = HarvestSettings.from_dict(local[1].settings)
    worker = Worker(settings.to_dict(), str(store.cache))

    def refuse(*_, **__):
        raise AssertionError("a worker opened the database")

    with monkeypatch.context() as patched:
        patched.setattr("sqlite3.connect", refuse)
        prepared, facts = worker.plan()
    begin(store, prepared.run, prepared.plan, facts)
    monkeypatch.setattr("sqlite3.connect", refuse)
    worker.begin(prepared, facts["batch_tokens"])
    blocks = next(prepared.plan.groups())
    made = worker.make(blocks, frozenset())
    assert [rows for rows, _ in made] == [[item.row for item in block.items] for block in blocks]


def test_a_group_that_kills_its_workers_is_given_up(local):
    group = Group(())
    for _ in range(TRIES - 1):
        group = group.after(RuntimeError("gone"))
    with pytest.raises(ModelError, match=f"{TRIES} workers died.*gone"):
        group.after(RuntimeError("gone"))


def test_what_makes_no_sense_is_refused_in_a_sentence(store, tiny, capsys):
    asked = [*ASKED, "--model", str(tiny), "--cache", str(store.cache)]
    for more, why in (
        (("--engine", "ray", "--shard", "1/2"), "without Ray"),
        (("--engine", "ray", "--workers", "0"), "at least one"),
        (("--workers", "2"), "for --engine ray"),
        (("--engine", "ray", "--address", "127.0.0.1:1"), "cannot be reached"),
        (("--engine", "ray", "--address", "nowhere"), "is no address"),
    ):
        assert main([*asked, *more]) == 2, more
        assert why in capsys.readouterr().err
    with pytest.raises(StoreError, match="at least one"):
        Cluster(workers=0)
    assert not store.runs()
