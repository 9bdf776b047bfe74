"""The pages Runs and Compare without a browser: none, one and many runs, the trash, and what is measured."""

import threading
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.all_runs import trashed_runs
from core.store.decisions import DecisionStore
from core.store.folder_sizes import FolderSizes
from core.store.remarks import RemarkStore
from core.store.runs import RunStore
from core.store.trash import Trash
from dashboard import run_actions, work
from tests.many_runs import store_many
from tests.shift_runs import store_run

VIEWS = Path(work.__file__).with_name("views")


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLTALE_CACHE", str(tmp_path))
    return RunStore(tmp_path)


def page(name="runs", **state):
    drawn = AppTest.from_file(str(VIEWS / f"{name}.py"), default_timeout=300)
    for key, value in state.items():
        drawn.session_state[key] = value
    return drawn


def button(shown, label):
    [found] = [b for b in shown.button if b.label == label]
    return found


def sound(shown):
    assert not shown.exception and not shown.error
    return shown


def told(shown):
    return " ".join(text.value for text in (*shown.markdown, *shown.caption, *shown.info, *shown.success))


def test_without_a_run_the_page_says_how_to_get_one(store):
    shown = sound(page().run())
    assert "There is no run yet" in told(shown) and "The trash is empty" in told(shown)
    assert not shown.dataframe


def test_five_hundred_runs_are_listed_and_searched(store):
    names = store_many(store, 500)
    RemarkStore(store.cache).tag(names[7], ["seventh"])
    shown = sound(page().run())
    assert len(shown.dataframe[0].value) == 500 and "500 runs: 0 answers" in told(shown)
    found = sound(shown.text_input(key="search runs").set_value("SEVENTH made").run())
    assert found.dataframe[0].value["run"].tolist() == [names[7]]
    assert "No run holds" in told(sound(found.text_input(key="search runs").set_value("nowhere").run()))


def test_a_deleted_run_is_listed_in_the_trash_and_taken_back(store):
    store_run(store, "one-run", "plain", {3: 1.5}, 1)
    store.delete("one-run")
    trash = trashed_runs(store.cache)
    assert trash[["run", "source", "template", "model"]].to_numpy().tolist() == [
        ["one-run", "movie-reviews", "review", "made"]
    ]
    shown = sound(page().run())
    assert "Trash: 1 run" in told(shown)
    shown = sound(button(shown, "Restore").click().run())
    assert "is back" in told(shown) and store.run("one-run").answers == 320


def test_the_trash_is_emptied_once_the_word_is_typed(store):
    store_run(store, "one-run", "plain", {3: 1.5}, 1)
    store.delete("one-run")
    shown = sound(page().run())
    assert button(shown, "Empty the trash").disabled
    shown = shown.text_input(key="empty the trash").set_value("yes").run()
    assert button(shown, "Empty the trash").disabled and Trash(store.cache).entries()
    shown = shown.text_input(key="empty the trash").set_value("empty").run()
    shown = sound(button(shown, "Empty the trash").click().run())
    assert not Trash(store.cache).entries() and "freed" in told(shown)


def test_a_deletion_is_confirmed_and_undone(store):
    store_run(store, "one-run", "plain", {3: 1.5}, 1)

    def drawn():
        from dashboard import run_actions

        run_actions.show(["one-run"])

    shown = sound(AppTest.from_function(drawn, default_timeout=300).run())
    shown = sound(button(shown, "Move to the trash").click().run())
    assert store.run("one-run") and "Decisions, tags and notes are kept" in told(shown)
    shown = sound(button(shown, "Yes, move").click().run())
    assert not store.runs() and shown.session_state[run_actions.DELETED] == ["one-run"]
    shown = sound(button(shown, "Undo").click().run())
    assert store.run("one-run").answers == 320 and run_actions.DELETED not in shown.session_state


def test_tags_and_note_are_typed_and_a_bad_tag_is_refused_in_a_sentence(store):
    store_run(store, "one-run", "plain", {3: 1.5}, 1)

    def drawn():
        from dashboard import run_actions

        run_actions.show(["one-run"])

    shown = sound(AppTest.from_function(drawn, default_timeout=300).run())
    shown.text_input[0].set_value("pilot liar")
    shown.text_area[0].set_value("<b>lies</b> best")
    shown = sound(button(shown, "Save tags and note").click().run())
    remarks = RemarkStore(store.cache)
    assert (remarks.of("one-run").tags, remarks.of("one-run").note) == (("pilot", "liar"), "<b>lies</b> best")
    shown.text_input[0].set_value("x" * 41)
    shown = button(shown, "Save tags and note").click().run()
    assert "the longest is 40" in shown.error[0].value
    assert remarks.of("one-run").tags == ("pilot", "liar")


def test_one_run_alone_is_compared_before_and_after_pruning(store):
    store_run(store, "one-run", "plain", {3: 1.5}, 1)
    assert "Nothing is dropped yet" in told(sound(page("compare", run="one-run").run()))
    DecisionStore(store.cache).decide("one-run", list(range(0, 60, 2)), "drop", "other", "ann")
    shown = sound(page("compare", run="one-run").run())
    assert "Nothing is dropped yet" not in told(shown)
    assert "after pruning minus" in told(shown).replace("\\", "") and len(shown.get("plotly_chart")) == 1
    assert shown.code[0].value == "telltale compare one-run one-run"


def test_sizes_are_measured_once_for_each_stamp():
    measured, go = [], threading.Event()

    def measure(folder):
        go.wait(60)
        measured.append(folder)
        return 10 * len(measured)

    sizes = FolderSizes(measure)
    assert sizes.of(Path("a"), 1) is None and sizes.of(Path("b"), 1) is None and sizes.left == 2
    go.set()
    while sizes.left:
        threading.Event().wait(0.01)
    assert (sizes.of(Path("a"), 1), sizes.of(Path("b"), 1)) == (10, 20) and sizes.left == 0
    assert sizes.of(Path("a"), 2) == 10  # the last known, until it is measured anew
    while sizes.left:
        threading.Event().wait(0.01)
    assert sizes.of(Path("a"), 2) == 30 and measured == [Path("a"), Path("b"), Path("a")]
