"""Projections: right on known data, in place from layer to layer, kept on disk, and out of the app's way."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import psutil
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from core import projection, umap_worker
from core.coordinates import match_pose, match_signs, standardise, unit_size
from core.data.question import Question
from core.errors import Cancelled, ProjectionError, StoreError
from core.projection import ProjectionSettings, known_projection, pca_layer, project_run
from core.store.runs import RunStore
from core.umap_worker import abandon, embed, result_of, submit

MODES = ("honest", "lie")


@pytest.fixture(scope="module", autouse=True)
def no_worker_is_left():
    yield
    abandon()


def made_run(folder, states, run="abc"):
    """A complete run whose states, (answers, layers, d_model), are known; two answers a question."""
    store = RunStore(folder)
    n, layers, d_model = states.shape
    questions = [
        Question(f"q{i}", f"text {i}", i % 2, ("No", "Yes"), "made", f"g{i}") for i in range(-(-n // 2))
    ]
    store.begin(run, {"data": {"name": "made"}}, {"layers": layers, "d_model": d_model}, n, questions)
    store.states(run).create(("prompt",), n, layers, d_model, 32)
    store.states(run).write("prompt", 0, states)
    add_answers(store, run, range(n))
    store.finish(run)
    return store


def add_answers(store, run, answers):
    plain = {"wording": 0, "order": 0, "demo_set": 0, "sample": 0, "generated": "", "ids": "[]", "said": None}
    plain |= {"p_0": 0.5, "p_1": 0.5, "outside": 0.0, "leans": 0, "leans_calibrated": 0, "offset": 0.0}
    plain |= {"spellings": "[]", "top": "[]", "prompt_tokens": 3}
    rows = [plain | {"answer": i, "number": i // 2, "mode": MODES[i % 2]} for i in answers]
    store.add_answers(run, rows)


def drifting(n=60, layers=4, d=20, seed=0, noise=0.1):
    """Layers that change little by little; layer 0 is constant."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n, d)) * np.geomspace(5, 0.5, d)
    states = np.stack([base + noise * layer * rng.normal(size=(n, d)) for layer in range(layers)], axis=1)
    states[:, 0] = 3.25
    return states.astype(np.float32)


def test_pca_is_scikit_learns_up_to_sign_and_size(tmp_path):
    states = drifting()
    store = made_run(tmp_path, states)
    made = project_run(store, "abc", ProjectionSettings(dimensions=3))
    model = PCA(3, svd_solver="full")
    expected = unit_size(model.fit_transform(StandardScaler().fit_transform(states[:, 2].astype(float))))
    for axis in range(3):
        assert abs(made.coordinates[2, :, axis] @ expected[:, axis]) == pytest.approx(
            np.sum(expected[:, axis] ** 2), rel=1e-3
        )
    assert made.explained[2] == pytest.approx(model.explained_variance_ratio_, abs=1e-3)
    assert np.sqrt((made.coordinates[1:] ** 2).sum(axis=2).mean(axis=1)) == pytest.approx(1, abs=1e-4)
    assert made.coordinates.dtype == np.float32
    assert list(made.at(2).columns) == ["answer", "x", "y", "z"]


@pytest.mark.filterwarnings("error")
def test_a_layer_whose_states_are_all_alike_gives_zeros(tmp_path):
    store = made_run(tmp_path, drifting())
    made = project_run(store, "abc", ProjectionSettings())
    assert made.degenerate == (0,)
    assert not made.coordinates[0].any() and not made.explained[0].any()
    assert not np.isnan(made.coordinates).any()


def test_constant_features_do_not_count():
    states = np.array([[1e6, 1.0], [1e6, 3.0]], dtype=np.float32)
    assert standardise(states).tolist() == [[0, -1], [0, 1]]


def test_signs_follow_the_layer_before(tmp_path):
    before = np.array([[1.0, 2], [-1, -2]])
    assert match_signs(before * [-1, 1], before).tolist() == before.tolist()
    made = project_run(made_run(tmp_path, drifting()), "abc", ProjectionSettings())
    for first, second in pairwise(made.coordinates[1:]):
        assert ((first * second).sum(axis=0) > 0).all()


def test_procrustes_finds_a_planted_pose():
    rng = np.random.default_rng(0)
    before = unit_size(rng.normal(size=(50, 3)))
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0] @ np.diag([1, 1, -1])
    assert match_pose(7 * before @ turned + 4, before) == pytest.approx(before, abs=1e-5)


def test_a_sample_keeps_questions_whole_and_is_stated(tmp_path):
    store = made_run(tmp_path, drifting(100))
    made = project_run(store, "abc", ProjectionSettings(most=31))
    assert len(made.answers) == 30 and made.sampled
    questions, counts = np.unique(made.answers // 2, return_counts=True)
    assert (counts == 2).all() and len(questions) == 15
    assert made.stated == "30 of 100 answers, a seeded sample of whole questions"
    other = project_run(store, "abc", ProjectionSettings(most=31, seed=1))
    assert set(other.answers) != set(made.answers)
    assert project_run(store, "abc", ProjectionSettings()).stated == "100 of 100 answers"


def test_answers_without_a_state_are_left_out_and_counted(tmp_path):
    states = drifting()
    states[[3, 8]] = np.nan
    made = project_run(made_run(tmp_path, states), "abc", ProjectionSettings())
    assert made.n_missing == 2 and not {3, 8} & set(made.answers)
    assert made.stated == "58 of 60 answers; 2 have no state at position 'prompt'"


def test_what_is_kept_is_not_made_again_and_damage_is_rebuilt(tmp_path, monkeypatch):
    store, settings = made_run(tmp_path, drifting()), ProjectionSettings()
    assert known_projection(store, "abc", settings) is None
    made = project_run(store, "abc", settings)
    monkeypatch.setattr(projection, "_project", None)
    again = project_run(store, "abc", settings)
    assert np.array_equal(again.coordinates, made.coordinates) and again.complete
    assert np.array_equal(again.explained, made.explained) and np.array_equal(again.answers, made.answers)
    assert np.array_equal(pca_layer(store, "abc", 3, settings).coordinates[0], made.coordinates[3])
    monkeypatch.undo()
    (kept,) = (tmp_path / "derived/projections").iterdir()
    content = kept.read_bytes()
    for damaged in (b"", b"no", content[: len(content) // 2], content[:300] + b"\xff" * 40 + content[340:]):
        kept.write_bytes(damaged)
        assert known_projection(store, "abc", settings) is None
        assert np.array_equal(project_run(store, "abc", settings).coordinates, made.coordinates)


def test_a_growing_run_is_projected_anew_and_the_old_is_removed(tmp_path):
    states = drifting(40)
    store = made_run(tmp_path, states)
    with store.database.connect() as connection:
        connection.execute("DELETE FROM answers WHERE answer >= 20")
    assert len(project_run(store, "abc", ProjectionSettings()).answers) == 20
    add_answers(store, "abc", range(20, 40))
    assert known_projection(store, "abc", ProjectionSettings()) is None
    assert len(project_run(store, "abc", ProjectionSettings()).answers) == 40
    assert len(list((tmp_path / "derived/projections").iterdir())) == 1


def test_layers_are_readable_while_others_are_made_and_survive_a_cancel(tmp_path, tmp_path_factory):
    store, settings = made_run(tmp_path, drifting()), ProjectionSettings()
    seen = []

    def watch(fraction, what):
        known = known_projection(store, "abc", settings)
        seen.append((fraction, 0 if known is None else len(known.layers)))

    with pytest.raises(Cancelled, match="finished layers are kept"):
        project_run(store, "abc", settings, progress=watch, cancelled=lambda: len(seen) == 2)
    assert seen == [(0.0, 0), (0.25, 1)]
    half = known_projection(store, "abc", settings)
    assert half.layers == (0, 1) and not half.complete
    with pytest.raises(ProjectionError, match="layer 3 is not projected yet"):
        half.at(3)
    whole = project_run(store, "abc", settings)
    fresh = project_run(made_run(tmp_path_factory.mktemp("other"), drifting()), "abc", settings)
    assert np.array_equal(whole.coordinates, fresh.coordinates)


def test_one_layer_at_once(tmp_path):
    store = made_run(tmp_path, drifting())
    made = pca_layer(store, "abc", 2, ProjectionSettings(method="umap"))
    assert made.layers == (2,) and made.coordinates.shape == (1, 60, 2) and made.explained.shape == (1, 2)
    with pytest.raises(StoreError, match="no layer 4"):
        pca_layer(store, "abc", 4, ProjectionSettings())


def test_what_cannot_be_projected_is_refused(tmp_path):
    with pytest.raises(ProjectionError, match="unknown method 'tsne'"):
        ProjectionSettings(method="tsne")
    with pytest.raises(ProjectionError, match="4 dimensions"):
        ProjectionSettings(dimensions=4)
    store = made_run(tmp_path, drifting(4))
    with pytest.raises(ProjectionError, match=r"has 4 answers .* at least 5"):
        project_run(store, "abc", ProjectionSettings())
    with pytest.raises(StoreError, match="no states at position 'mean'"):
        project_run(store, "abc", ProjectionSettings(position="mean"))


def blobs(n=80, layers=4, d=20):
    """Two groups of answers, far apart at every layer but the constant first."""
    states = drifting(n, layers, d, noise=0.02)
    states[: n // 2, 1:, :5] += 15
    return states


def test_umap_parts_planted_groups_and_points_keep_their_place(tmp_path):
    store = made_run(tmp_path, blobs())
    made = project_run(store, "abc", ProjectionSettings(method="umap"))
    assert made.degenerate == (0,) and made.explained is None
    assert made.complete and known_projection(store, "abc", made.settings).complete
    for found in made.coordinates[1:]:
        assert np.sqrt((found**2).sum(axis=1).mean()) == pytest.approx(1, abs=0.01)
        one, other = found[:40], found[40:]
        apart = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
        wide = max(np.linalg.norm(half - half.mean(axis=0), axis=1).max() for half in (one, other))
        assert apart > wide
    rng = np.random.default_rng(0)
    first, second = (
        unit_size(
            result_of(
                submit(
                    embed,
                    standardise(store.layer("abc", "prompt", layer, made.answers)),
                    rng.normal(size=(80, 2)).astype(np.float32),
                    *(15, 0.1, layer),
                ),
                lambda: False,
            )
        )
        for layer in (2, 3)
    )
    moved = np.linalg.norm(made.coordinates[3] - made.coordinates[2], axis=1).mean()
    assert moved < 0.5 * np.linalg.norm(second - first, axis=1).mean()
    assert moved < 0.8 * np.linalg.norm(match_pose(second, first) - first, axis=1).mean()


def test_neither_the_app_nor_the_worker_loads_what_it_does_not_need():
    code = (
        "__import__('core.projection') and [m for m in ('torch', 'umap') if m in __import__('sys').modules]"
    )
    assert result_of(submit(eval, code), lambda: False) in ([], ["umap"])
    assert (
        result_of(submit(eval, "hasattr(__import__('sys').modules['__main__'], 'pytest')"), lambda: False)
        is False
    )
    code = "import sys, core.projection; sys.exit('torch' in sys.modules or 'umap' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_cancelling_kills_the_worker_and_the_next_call_starts_another():
    before = result_of(submit(os.getpid), lambda: False)
    began, asked = time.monotonic(), threading.Event()
    threading.Timer(0.3, asked.set).start()
    with pytest.raises(Cancelled):
        result_of(submit(time.sleep, 60), asked.is_set)
    assert time.monotonic() - began < 10
    assert not alive(before)
    after = result_of(submit(os.getpid), lambda: False)
    assert after != before


def test_a_worker_that_dies_is_reported_and_replaced():
    with pytest.raises(ProjectionError, match="the UMAP process failed"):
        result_of(submit(eval, "__import__('os')._exit(1)"), lambda: False)
    assert umap_worker._pool is None
    idle = result_of(submit(os.getpid), lambda: False)
    os.kill(idle, signal.SIGKILL)
    time.sleep(1)
    assert result_of(submit(abs, -1), lambda: False) == 1


def test_the_worker_never_outlives_the_app_nor_holds_it_up():
    code = (
        "import os, sys, time; from core.umap_worker import submit, result_of\n"
        "print(result_of(submit(os.getpid), lambda: False), flush=True)\n"
        "submit(time.sleep, 60); time.sleep(float(sys.argv[1]))"
    )
    began = time.monotonic()
    left = subprocess.run([sys.executable, "-c", code, "0.5"], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 30
    with subprocess.Popen([sys.executable, "-c", code, "60"], stdout=subprocess.PIPE, text=True) as killed:
        worker = int(killed.stdout.readline())
        killed.kill()
    deadline = time.monotonic() + 20
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not alive(worker) and not alive(int(left.stdout))


def alive(process):
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE
