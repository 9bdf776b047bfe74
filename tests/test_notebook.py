"""`import core`: the words of the command line as functions, which do the same."""

import inspect
import json
import os
import re
import subprocess
import sys

import plotly.graph_objects as go
import pytest

import core
from core.cli import main
from core.errors import TelltaleError
from core.progress import in_notebook
from tests.conftest import beside
from tests.test_first_paint import LARGE

ASKED = {"data": "amazon-reviews", "n": 40, "mode": ["honest", "lie"], "order": 1, "position": ["prompt"]}


@pytest.fixture(scope="module")
def folder(cache, tmp_path_factory):
    return beside(cache, tmp_path_factory.mktemp("notebook"))


@pytest.fixture(scope="module")
def run(folder, tiny):
    """A run of 40 reviews put to a random model, which says nothing: whatever is read of it is chance."""
    return core.harvest(str(tiny), **ASKED, cache=folder, show=False)


@pytest.fixture(scope="module")
def probe(run, folder):
    return core.probe(run, permutations=20, cache=folder, show=False)


def test_import_core_takes_no_large_package():
    command = (
        "import sys, core; print([name for name in sys.argv[1:] if name in sys.modules], len(dir(core)))"
    )
    done = subprocess.run([sys.executable, "-c", command, *LARGE, "pandas"], capture_output=True, text=True)
    assert done.stdout.startswith("[] "), done.stderr


def test_each_public_name_is_there_and_says_what_it_does():
    assert sorted(core.__all__) == sorted(name for names in core.PLACES.values() for name in names)
    for name in core.__all__:
        assert name in dir(core) and len(inspect.getdoc(getattr(core, name))) > 30
    with pytest.raises(AttributeError, match=r"'harvests': it has .*harvest"):
        core.harvests  # noqa: B018


def test_harvest_finds_the_run_that_the_command_line_made(run, folder, tiny, capsys):
    words = ["--data", "amazon-reviews", "--n", "40", "--mode", "honest", "--mode", "lie", "--order", "1"]
    words += ["--position", "prompt", "--model", str(tiny), "--cache", str(folder), "--json"]
    assert main(["harvest", *words]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["run"], made["answers"], made["resumed"]) == (run.run, 80, True)


def test_what_is_no_option_is_refused(folder, tiny):
    with pytest.raises(TelltaleError, match=r"harvest has no option 'modes': choose from adapter, .*mode"):
        core.harvest(str(tiny), modes=["honest"], cache=folder)
    with pytest.raises(TelltaleError, match="no option 'shard'"):
        core.harvest(str(tiny), shard="1/2", cache=folder)


def test_runs_answers_and_questions_are_data_frames(run, folder):
    assert core.runs(cache=folder)["run"].tolist() == [run.run]
    answers = core.answers_of(run.run[:6], cache=folder)
    assert len(answers) == 80 and set(answers["mode"]) == {"honest", "lie"} and set(answers["order"]) == {1}
    asked = core.questions("amazon-reviews", 40, cache=folder)
    assert set(asked["question"]) == set(answers["question"])
    assert asked["truth"].value_counts().to_dict() == {"Positive": 20, "Negative": 20}
    spellings = core.tokens("review", cache=folder)
    assert set(spellings["choice"]) == {"Negative", "Positive"} and len(spellings) > 4


def test_a_template_may_be_made_in_python(folder, tiny):
    template = core.Template("mine", "{text}\nGood or bad?", ("bad", "good"))
    made = core.harvest(
        str(tiny), "amazon-reviews", 4, template=template, mode="honest", cache=folder, show=False
    )
    assert made.settings["template"]["choices"] == ["bad", "good"] and made.settings["modes"] == ["honest"]


def test_a_probe_prints_its_figure_its_n_and_its_controls(run, probe, folder):
    told = repr(probe)
    assert f"AUROC {probe.chosen.test.auroc:.3f}" in told and f"(n {probe.chosen.test.n}," in told
    assert "permuted" in told and "array" not in told and len(told) < 600
    assert f"· {run.run}: 80 of 80 answers, complete" in repr(run)
    frame = probe.to_frame()
    assert frame["layer"].tolist() == [0, 1, 2, 3]
    assert (frame["low"] <= frame["auroc"]).all() and (frame["auroc"] <= frame["high"]).all()
    beaten = core.controls(run, permutations=20, cache=folder)
    assert beaten.probe == probe.chosen.test and "text" in repr(beaten)


def test_folds_keep_the_test_questions_closed(run, probe, folder):
    found = core.cross_validate(run, cache=folder, show=False)
    assert found.area.n + probe.chosen.test.n == 40
    assert repr(found).startswith(f"CrossValidated: AUROC {found.area.auroc:.3f}")
    assert found.to_frame()["auroc"].tolist() == [here.auroc for here in found.by_layer]


def test_what_was_found_is_drawn(run, probe, folder):
    drawn = core.figure(probe)
    assert isinstance(drawn, go.Figure)
    curves = {trace.name: trace for trace in drawn.data}
    assert list(curves["probe, AUROC on test data"].y) == probe.to_frame()["auroc"].tolist()
    assert any(name.startswith("permuted labels") for name in curves)
    folds = core.figure(core.cross_validate(run, cache=folder, show=False))
    assert any("cross-validated" in (trace.name or "") for trace in folds.data)
    with pytest.raises(TypeError, match="a Run has no figure"):
        core.figure(run)


def test_what_cannot_be_told_apart_says_so_and_is_drawn(run, folder):
    found = core.read_or_said(run, resamples=20, cache=folder, show=False)
    assert found.apart and found.apart in repr(found)
    assert core.figure(found, run).layout.yaxis.title.text.startswith("AUROC")


def test_texts_are_scored(run, probe, folder, tiny):
    scored = core.score(run, ["A lovely film."], probe, cache=folder, show=False).to_frame()
    assert scored["mode"].tolist() == ["honest", "lie"] and scored["score"].notna().all()
    core.probe(run, permutations=20, save="kept", cache=folder, show=False)
    again = core.score(run, ["A lovely film."], "kept", model=str(tiny), cache=folder, show=False).to_frame()
    assert again.equals(scored)


def test_a_matrix_of_runs_is_a_data_frame(run, folder):
    cells = core.transfer([run], cache=folder, show=False)
    assert (cells["trained"][0], cells["judged"][0], cells["mode"][0]) == (run.run, run.run, "lie")


IN_A_KERNEL = """
import sys, types
from core.progress import in_notebook, progress_bar, hidden
from core.notebook.working import working

shell = types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
with working(sys.argv[1] == "shown") as tell:
    tell(0.5, "half of it")
print(in_notebook())
"""


@pytest.mark.parametrize(("asked", "seen"), [("shown", "half of it: .*50%"), ("hidden", r"\A\Z")])
def test_in_a_notebook_long_work_shows_a_bar_where_it_is_wanted(asked, seen):
    done = subprocess.run(
        [sys.executable, "-c", IN_A_KERNEL, asked], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout == "True\n" and re.search(seen, done.stderr), done.stderr
    assert not in_notebook()
