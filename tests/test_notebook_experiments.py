"""`import core` beyond probes: lie scores, shifts, steering, two runs side by side, the report."""

import plotly.graph_objects as go
import pytest

import core
from core.errors import StoreError
from core.probes.shifts_figures import ALONE
from tests.conftest import beside
from tests.shift_runs import LAYERS, SHIFTED, N, store_all

QUIET = {"show": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs with planted states."""
    folder = tmp_path_factory.mktemp("made")
    store_all(folder)
    return folder


def test_shifts_are_a_frame_a_sentence_and_a_figure(made):
    found = core.shifts("plain-run", SHIFTED, train="honest", test="honest", cache=made, **QUIET)
    frame = found.to_frame()
    alone = frame[frame["trained_on"] == ALONE].set_index("run")
    assert set(alone.index) == set(SHIFTED) and alone["drop"]["typos-run"] > alone["drop"]["upper-run"]
    assert repr(found) == f"Shifts: {found.sentence()}"
    assert isinstance(core.figure(found), go.Figure)


def test_lie_scores_are_a_frame_a_sentence_and_a_figure(made):
    found = core.lie_score("plain-run", layer=1, cache=made, **QUIET)
    assert len(found.to_frame()) == 2 * N and "layer 1" in repr(found) and found.sentence in repr(found)
    assert isinstance(core.figure(found), go.Figure)


def test_two_runs_are_compared(made):
    found = core.compare_runs("plain-run", "typos-run", cache=made, **QUIET)
    frame = found.to_frame()
    assert {"honest", "lie"} <= set(frame["mode"])
    assert (frame["difference"].dropna() == 0).all()  # the same was said in both
    assert len(found["probe"]["layers"]) == LAYERS and "minus typos-run" in repr(found)


def test_a_model_is_steered_and_reported_on(cache, tiny, tmp_path):
    folder = beside(cache, tmp_path)
    run = core.harvest(
        str(tiny),
        "amazon-reviews",
        60,
        mode=["honest", "lie"],
        order=1,
        position=["prompt"],
        cache=folder,
        **QUIET,
    )
    found = core.steer(run, LAYERS, n=4, random=2, alphas=(-1.0, 1.0), cache=folder, **QUIET)
    assert set(found.to_frame()["alpha"]) >= {-1.0, 0.0, 1.0} and f"layer {LAYERS}, add" in repr(found)
    assert isinstance(core.figure(found), go.Figure)
    path = core.write_report(run, folder / "report.html", cache=folder, **QUIET)
    assert run.run in path.read_text()
    with pytest.raises(StoreError, match="cannot be written"):
        core.write_report(run, path / "below a file.html", cache=folder, **QUIET)
