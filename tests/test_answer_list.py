"""Lists of a run's answers: what SQLite gives is what the whole run's frame would give."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.made_run import Shape, linked_cache, write_made_run
from core.answer_list import ORDERS, AnswerList, Filter
from core.errors import StoreError
from core.labels import FLAGS, belief_summary
from core.labels_of_run import labelled
from core.store.decisions import DecisionStore
from core.store.runs import RunStore
from tests.test_views_at_scale import VIEWS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = RunStore(linked_cache(tmp_path_factory.mktemp("listed")))
    return store, write_made_run(store, Shape(answers=5000, layers=2, d_model=4)).run


@pytest.fixture
def store(made, monkeypatch) -> RunStore:
    monkeypatch.setenv("TELLTALE_CACHE", str(made[0].cache))
    yield made[0]
    with made[0].database.connect() as connection:
        connection.execute("DELETE FROM steps")


@pytest.fixture
def listed(store, made) -> AnswerList:
    return AnswerList(store, store.run(made[1]))


def decide(store, run):
    """Two people's decisions, some overruled, some undone."""
    decisions = DecisionStore(store.cache)
    decisions.decide(run, list(range(0, 400, 2)), "drop", "other", "ann", origin="table")
    decisions.decide(run, list(range(0, 400, 5)), "keep", "sound", "ben", origin="queue")
    decisions.decide(run, list(range(400, 460)), "drop", "said the truth", "ann", origin="rules")
    decisions.decide(run, list(range(460, 480)), "drop", "other", "ann", scores_shown=True)
    decisions.decide(run, list(range(480, 500)), "unsure", "cannot tell", "ben")
    decisions.decide(run, [4000], "drop", "other", "ben")
    decisions.undo(run, "ben")


def as_frame(store, run, wanted: Filter):
    """The same from the whole run, in the order in which it is looked through."""
    frame = labelled(store, run)
    mine = DecisionStore(store.cache).by_person(run).get(wanted.undecided_by, {})
    holds = np.ones(len(frame), dtype=bool)
    if wanted.mode is not None:
        holds &= frame["mode"] == wanted.mode
    if wanted.flags:
        holds &= frame["flag"].map(lambda flag: bool(set(flag.split("; ")) & set(wanted.flags)))
    if wanted.standing is not None:
        holds &= frame["action"] == wanted.standing
    holds &= ~frame["answer"].isin(list(mine))
    part = frame[holds]
    return part.assign(suggested=part["flag"] == "").sort_values(["suggested", "flag", "answer"])


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter("lie"),
        Filter("honest", ("no choice given", "wrong under honest")),
        Filter(standing="drop"),
        Filter("lie", standing=""),
        Filter("lie", ("said the truth",), undecided_by="ann"),
        Filter(undecided_by="ben"),
        Filter(undecided_by="'; DROP TABLE runs; --"),
    ],
)
def test_a_list_is_what_the_whole_run_gives(listed, store, made, wanted):
    run = made[1]
    decide(store, run)
    whole = as_frame(store, run, wanted)
    assert listed.count(wanted) == len(whole) > 0
    assert listed.answers(wanted) == whole["answer"].tolist()
    assert listed.first(wanted) == whole["answer"].iloc[0]
    page = listed.page(wanted, 20, 30)
    there = whole.iloc[20:50].reset_index(drop=True)
    names = ["answer", "text", "generated", "verdict", "flag", "action", "reason", "mode", "label", "number"]
    assert page[names].equals(there[names]) and len(page)
    assert page["believes"].equals(there["believes"]) and page["said"].equals(there["said"])


def test_the_next_one_is_found_in_either_direction_and_round_the_end(listed):
    wanted = Filter("lie", ("no choice given",))
    order = listed.answers(wanted)
    assert [listed.following(wanted, order[n]) for n in (0, 5, -1)] == [order[1], order[6], order[0]]
    assert [listed.following(wanted, order[n], True) for n in (1, 5, 0)] == [order[0], order[4], order[-1]]
    assert listed.holds(wanted, order[3]) and not listed.holds(Filter("honest"), order[3])
    nobody = Filter(standing="unsure")
    assert listed.following(nobody, order[0]) is None and listed.first(nobody) is None
    assert listed.page(nobody, 0, 10).empty


def test_counts_are_those_of_the_whole_run(listed, store, made):
    run = made[1]
    decide(store, run)
    frame = labelled(store, run)
    stands = listed.decided()
    assert stands.answers == len(frame) and stands.unsure == 20
    assert stands.dropped == frame["dropped"].sum() == 160
    assert stands.dropped_outcome == frame["dropped_outcome"].sum() == 80
    assert listed.modes() == ["honest", "lie"]
    for mode in ("lie", None):
        part = frame if mode is None else frame[frame["mode"] == mode]
        assert listed.flag_counts(mode) == {
            flag: int(part["flag"].str.contains(flag, regex=False).sum()) for flag in FLAGS
        }
    assert listed.beliefs == belief_summary(frame)


def test_every_order_shows_each_answer_once(listed, store, made):
    decide(store, made[1])
    for order in ORDERS:
        pages = [listed.page(Filter("lie"), skipped, 1000, order) for skipped in (0, 1000, 2000)]
        assert sorted(answer for page in pages for answer in page["answer"]) == sorted(
            listed.answers(Filter("lie"))
        )
    by_number = listed.page(Filter(), 0, 100, "number")["answer"]
    assert by_number.is_monotonic_increasing
    assert set(listed.page(Filter(), 0, 4500, "decision")["action"]) == {""}


def test_it_is_made_anew_for_another_margin_and_where_it_is_damaged(listed, store, made):
    run = store.run(made[1])
    decisions = DecisionStore(store.cache)
    written = listed.path.stat().st_mtime_ns
    assert AnswerList(store, run).path.stat().st_mtime_ns == written
    decisions.set_margin(run.run, 0.9)
    assert AnswerList(store, run).path.stat().st_mtime_ns != written
    listed.path.write_bytes(b"SQLite format 3\0" + b"no database" * 100)
    assert AnswerList(store, run).count(Filter()) == 5000
    listed.path.write_bytes(b"")
    assert AnswerList(store, run).count(Filter()) == 5000
    decisions.set_margin(run.run, 2 / 3)


def test_where_it_cannot_be_written_it_says_so(store, made, tmp_path, monkeypatch):
    (tmp_path / "derived").write_text("in the way")
    monkeypatch.setattr(store, "cache", tmp_path)
    with pytest.raises(StoreError, match="list of a run's answers cannot be written to"):
        AnswerList(store, store.run(made[1]))


def test_the_list_is_dropped_at_once_on_every_page(listed, store, made):
    shown = AppTest.from_file(str(VIEWS / "prune.py"), default_timeout=600)
    shown.session_state["run"] = made[1]
    shown.session_state["prune_section"] = "All answers"
    shown.run()
    shown.selectbox(key="reason chosen").set_value("duplicate").run()
    (drop,) = (button for button in shown.button if button.label.startswith("Drop all"))
    assert drop.label == "Drop all 2,500"
    drop.click().run()
    assert not shown.exception and not shown.error
    standing = DecisionStore(store.cache).current(made[1])
    assert set(standing) == set(listed.answers(Filter("lie"))) and len(standing) == 2500
    assert [metric.value for metric in shown.metric][:2] == ["2,500", "2,500"]
