"""Tags and notes on runs: found by search, kept through the trash, a merge, an export and a lost database."""

import json
import sqlite3
from contextlib import closing

import pytest

from core.all_runs import all_runs, matching
from core.cli import main
from core.errors import StoreError
from core.exchange.run_folder import export_folder
from core.store.checkup import check_database
from core.store.database import NAME, VERSION, Database
from core.store.merge import merge_shards
from core.store.remarks import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS, Remarks, RemarkStore
from core.store.runs import RunStore
from core.store.trash import Trash
from tests.shift_runs import store_run

RUN = "pilot-run"


@pytest.fixture
def store(tmp_path):
    """A store with two planted runs, nothing said of either."""
    found = RunStore(tmp_path)
    store_run(found, RUN, "plain", {3: 1.5}, 1)
    store_run(found, "other-run", "upper", {3: 1.5}, 1)
    return found


@pytest.fixture
def remarks(store):
    return RemarkStore(store.cache)


def damaged(store):
    """The store with its database made anew from journals and what could still be read."""
    path = store.cache / NAME
    path.write_bytes(b"no database at all" * 400)
    for log in ("-wal", "-shm"):
        path.with_name(f"{NAME}{log}").unlink(missing_ok=True)
    fault = check_database(store.cache)
    assert fault is not None and fault.mend is not None
    fault.mend()
    return RemarkStore(store.cache)


def test_tags_are_added_and_taken_away_whatever_their_capitals(remarks):
    remarks.tag(RUN, ["pilot", "Liar"])
    assert remarks.tag(RUN, ["PILOT", "amazon"]).tags == ("pilot", "Liar", "amazon")
    assert remarks.untag(RUN, ["liar"]).tags == ("pilot", "amazon")
    assert remarks.all() == {RUN: Remarks(("pilot", "amazon"))}


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        (["two words"], "not one word"),
        ([" "], "not one word"),
        (["\u202egnol"], "not one word"),
        (["x" * (LONGEST_TAG + 1)], f"the longest is {LONGEST_TAG}"),
        ([f"tag{number}" for number in range(MOST_TAGS + 1)], f"may have {MOST_TAGS} tags"),
    ],
)
def test_a_tag_that_is_no_word_is_refused_and_nothing_is_kept(remarks, tags, why):
    with pytest.raises(StoreError, match=why):
        remarks.tag(RUN, ["good", *tags])
    assert remarks.of(RUN) == Remarks()


def test_a_note_takes_the_place_of_the_one_before(remarks):
    remarks.set_note(RUN, "first")
    assert remarks.set_note(RUN, " lies best \n").note == "lies best"
    with pytest.raises(StoreError, match="the longest is"):
        remarks.set_note(RUN, "x" * (LONGEST_NOTE + 1))
    assert remarks.of(RUN).note == "lies best"
    assert remarks.set_note(RUN, "").note == ""


def test_runs_are_found_by_words_in_any_of_their_texts(store, remarks):
    remarks.tag(RUN, ["Liar"])
    remarks.set_note("other-run", "the one with capitals")
    runs = all_runs(store)
    assert set(runs["run"]) == {RUN, "other-run"}
    assert list(matching(runs, "liar MOVIE")["run"]) == [RUN]
    assert list(matching(runs, "capitals")["run"]) == ["other-run"]
    assert len(matching(runs, "")) == 2 and matching(runs, "liar capitals").empty


def test_without_runs_nothing_is_found(tmp_path, capsys):
    found = matching(all_runs(RunStore(tmp_path)), "any")
    assert found.empty and "run" in found
    assert main(["runs", "--cache", str(tmp_path)]) == 0
    assert "no runs yet" in capsys.readouterr().out


def test_remarks_come_back_with_the_database_from_the_journal(store, remarks):
    remarks.tag(RUN, ["pilot"])
    remarks.set_note(RUN, "first")
    remarks.set_note(RUN, "lies best")
    assert damaged(store).of(RUN) == Remarks(("pilot",), "lies best")


def test_the_trash_and_a_restore_keep_remarks(store, remarks):
    remarks.tag(RUN, ["pilot"])
    store.delete(RUN)
    assert "pilot" not in " ".join(all_runs(store)["tags"])
    store.restore(RUN)
    assert remarks.of(RUN).tags == ("pilot",)
    assert damaged(store).of(RUN).tags == ("pilot",)


def test_what_was_said_of_a_repeated_run_is_not_taken_back_by_a_restore(store, remarks):
    remarks.set_note(RUN, "before")
    store.delete(RUN)
    store_run(store, RUN, "plain", {3: 1.5}, 1)
    remarks.set_note(RUN, "after")
    store.delete(RUN)
    store.restore(min(entry.name for entry in Trash(store.cache).entries()))
    assert remarks.of(RUN).note == "after"


def test_a_merge_takes_remarks_along_and_keeps_those_that_are_there(store, remarks, tmp_path_factory):
    shard = RunStore(tmp_path_factory.mktemp("shard"))
    store_run(shard, RUN, "plain", {3: 1.5}, 1)
    there = RemarkStore(shard.cache)
    there.tag(RUN, ["shard", "PILOT"])
    there.set_note(RUN, "of the shard")
    remarks.tag(RUN, ["pilot"])
    merge_shards(store, [shard.cache])
    assert remarks.of(RUN) == Remarks(("pilot", "shard"), "of the shard")


def test_an_export_says_tags_and_note(store, remarks, tmp_path):
    remarks.tag(RUN, ["pilot"])
    remarks.set_note(RUN, "=1+1")
    export_folder(store, RUN, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["tags"], record["note"]) == (["pilot"], "=1+1")


def test_a_database_from_before_there_were_remarks_is_brought_up_to_date_and_a_copy_kept(store):
    with closing(sqlite3.connect(store.cache / NAME)) as connection, connection:
        connection.execute("DROP TABLE remarks")
        connection.execute("PRAGMA user_version = 2")
    Database(store.cache)
    with closing(sqlite3.connect(store.cache / NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    with closing(sqlite3.connect(store.cache / f"{NAME}.version-2")) as kept:
        assert kept.execute("SELECT count(*) FROM runs").fetchone() == (2,)
        assert not kept.execute("SELECT 1 FROM sqlite_master WHERE name = 'remarks'").fetchall()
    assert RemarkStore(store.cache).tag(RUN, ["pilot"]).tags == ("pilot",)


def told(store, capsys, *arguments):
    assert main(["runs", *arguments, "--json", "--cache", str(store.cache)]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_line_tags_notes_and_searches(store, capsys):
    assert told(store, capsys, "tag", "pilot", "first", "liar")["tags"] == ["first", "liar"]
    assert told(store, capsys, "untag", "pilot", "first")["tags"] == ["liar"]
    assert told(store, capsys, "note", "pilot", "lies best") == {
        "run": RUN,
        "tags": ["liar"],
        "note": "lies best",
    }
    [found] = told(store, capsys, "list", "--search", "LIES best")["runs"]
    assert (found["run"], found["tags"], found["note"]) == (RUN, ["liar"], "lies best")
    assert told(store, capsys, "list", "--search", "nowhere") == {"runs": []}
    assert told(store, capsys, "show", RUN)["note"] == "lies best"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["tag", RUN], "which tags"),
        (["tag"], "there is no run"),
        (["note", RUN], "the note is one text"),
        (["note", RUN, "two", "texts"], "the note is one text"),
        (["untag", RUN, "liar"], "it has no tags"),
        (["show", RUN, "--search", "x"], "--search is of"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(store, capsys, arguments, why):
    assert main(["runs", *arguments, "--cache", str(store.cache)]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.startswith("telltale: ") and why in said.err
