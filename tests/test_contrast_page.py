"""Contrast pairs on the pages: offered where a run keeps them, with their sign; else how to get them."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.probes.contrast import CONTRAST_SIGN
from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.store.runs import RunStore
from dashboard import work
from tests.contrast_runs import made_run

CRC = ProbeSettings("crc")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = RunStore(tmp_path_factory.mktemp("pages"))
    made_run(store, "pairs", n=60)
    made_run(store, "worded", n=40, wordings=(0, 1, 2))
    made_run(store, "plain", n=40, contrast=False)
    return store


@pytest.fixture
def page(store, monkeypatch):
    monkeypatch.setenv("TELLTALE_CACHE", str(store.cache))

    def opened(run):
        drawn = AppTest.from_file(
            str(Path(work.__file__).with_name("views") / "probes.py"), default_timeout=300
        )
        drawn.session_state["run"] = run
        return drawn.run()

    return opened


def box(shown, label):
    return next(found for found in shown.selectbox if found.label == label)


def captions(shown):
    return " ".join(found.value.replace("\\", "") for found in shown.caption)


@pytest.mark.parametrize(
    ("run", "offered", "said"),
    [
        ("plain", set(), "Run plain keeps no contrast pairs, which ccs, crc, vinc learn from"),
        ("pairs", {"ccs", "crc"}, "Run pairs asks in 1 wording, and method 'vinc' needs 3 or more"),
        ("worded", {"ccs", "crc", "vinc"}, ""),
    ],
)
def test_methods_are_offered_where_a_run_has_what_they_need(page, run, offered, said):
    shown = page(run)
    assert not shown.exception and not shown.error
    assert set(box(shown, "Method").options) & {"ccs", "crc", "vinc"} == offered
    assert said in captions(shown)
    assert ("harvest again with --contrast" in captions(shown)) == bool(said)
    assert not {"choice_0", "choice_1", "contrast"} & set(box(shown, "Position").options)


def test_each_figure_says_where_the_sign_comes_from(page, store):
    folds = cross_validated_run(store, "pairs", CRC, sealed=True)
    shown = box(page("pairs"), "Method").set_value("crc").run()
    assert box(shown, "Position").options == ["both choices' last tokens"]
    assert shown.metric[0].value == f"{folds.area.auroc:.3f}" and CONTRAST_SIGN in captions(shown)
    report = probe_run(store, "pairs", CRC)
    shown = shown.run()
    assert not shown.exception and not shown.error
    assert shown.metric[0].value == f"{report.chosen.test.auroc:.3f}" and CONTRAST_SIGN in captions(shown)
    assert "cannot be kept to score statements" in captions(shown)
    assert not shown.text_input
    shown = box(shown, "Method").set_value("logistic").run()
    assert CONTRAST_SIGN not in captions(shown)


def test_a_target_that_pairs_say_nothing_of_is_refused_on_the_page(page):
    shown = box(page("pairs"), "Method").set_value("crc").run()
    shown = box(shown, "Target").set_value("lie").run()
    assert "choose target truth" in shown.error[0].value


def looked_at():
    """A page that says which method the probe of the session has that scores single answers."""
    import streamlit as st

    from dashboard import session
    from dashboard.fitted_probe import fitted

    found = fitted(session.chosen_run())
    st.text("none" if found is None else found.settings.method)


def test_other_pages_pass_over_a_probe_that_scores_no_single_state(store, monkeypatch):
    monkeypatch.setenv("TELLTALE_CACHE", str(store.cache))
    drawn = AppTest.from_function(looked_at, default_timeout=300)
    drawn.session_state["run"], drawn.session_state["probe"] = "pairs", (CRC, None)
    probe_run(store, "pairs", CRC)
    assert drawn.run().text[0].value == "none"
    probe_run(store, "pairs", ProbeSettings(permutations=0))
    assert drawn.run().text[0].value == "logistic"


def asked(is_open):
    """A page of the answering form alone, which shows what it came to."""
    import streamlit as st

    from dashboard.harvest_form import answering_form

    st.text(answering_form(("honest", "lie"), is_open)["contrast"])


@pytest.mark.parametrize("is_open", [False, True])
def test_the_form_asks_for_pairs_of_choices_alone(is_open):
    drawn = AppTest.from_function(asked, args=(is_open,), default_timeout=300)
    assert drawn.run().text[0].value == "False"
    drawn.session_state["contrast"] = True
    shown = drawn.run()
    [pairs] = [found for found in shown.checkbox if found.label == "Contrast pairs"]
    assert pairs.disabled == is_open and shown.text[0].value == str(not is_open)
