"""A harvest in parts on machines that share nothing equals the harvest in one go."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from core.cli import main
from core.engine.shard import Shard
from core.errors import DataError
from core.store.database import NAME
from core.store.merge import copy_whole
from core.store.runs import RunStore
from tests.conftest import beside

REVIEWS = ("harvest", "--data", "movie-reviews", "--n", "100", "--wording", "0", "--wording", "1")
OPEN = ("harvest", "--data", "open-numbers", "--n", "60")
PARTS = 3


def rows(cache):
    with closing(sqlite3.connect(cache / NAME)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("questions", "answers", "calibrations")
        }


def chunks(cache):
    return {
        str(path.relative_to(cache)): path.read_bytes()
        for kind in ("states", "tokens")
        for path in sorted((cache / "runs").glob(f"*/{kind}/**/*"))
        if path.is_file()
    }


@pytest.fixture(scope="module", params=[REVIEWS, OPEN], ids=["choices", "open"])
def asked(request, tiny):
    return [*request.param, "--model", str(tiny)]


@pytest.fixture
def whole(asked, cache, tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    assert main([*asked, "--cache", str(beside(cache, folder))]) == 0
    return folder


@pytest.fixture
def parts(asked, cache, tmp_path):
    """A cache with the shards of the harvest below it."""
    folder = tmp_path / "parts"
    folder.mkdir()
    beside(cache, folder)
    for number in range(1, PARTS + 1):
        assert main([*asked, "--shard", f"{number}/{PARTS}", "--cache", str(folder)]) == 0
    return folder


def merge(cache, capsys, *folders, code=0):
    capsys.readouterr()
    assert main(["runs", "merge", *map(str, folders), "--json", "--cache", str(cache)]) == code
    told = capsys.readouterr()
    return json.loads(told.out) if code < 2 else told.err


def test_merged_shards_equal_the_harvest_in_one_go(whole, parts, capsys):
    shards = sorted((parts / "shards").iterdir())
    made = [run.answers for shard in shards for run in RunStore(shard).runs()]
    assert len(made) == PARTS and all(made)
    [found] = merge(parts, capsys)["runs"]
    assert found["taken"] == sum(made) == found["planned"] and not found["missing"]
    assert rows(parts) == rows(whole) and chunks(parts) == chunks(whole)
    [run] = RunStore(parts).runs()
    assert run.complete and not RunStore(parts).damaged(run.run)
    [again] = merge(parts, capsys)["runs"]
    assert again["taken"] == 0 and again["answers"] == again["planned"]


def test_a_shard_that_is_missing_is_named_and_can_be_harvested_in_its_place(asked, whole, parts, capsys):
    shutil.rmtree(parts / "shards" / f"2-of-{PARTS}")
    [found] = merge(parts, capsys, code=1)["runs"]
    assert found["missing"] and RunStore(parts).runs()[0].state == "interrupted"
    assert main(["runs", "merge", "--cache", str(parts)]) == 1
    assert "shards 2 are not there" in capsys.readouterr().out
    assert main([*asked, "--json", "--cache", str(parts)]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == found["missing"]
    assert rows(parts) == rows(whole) and chunks(parts) == chunks(whole)


def test_shards_that_were_harvested_otherwise_or_are_damaged_are_refused(
    asked, cache, parts, tmp_path, capsys
):
    shards = sorted((parts / "shards").iterdir())
    other = tmp_path / "other"
    other.mkdir()
    assert main([*asked, "--seed", "1", "--cache", str(beside(cache, other))]) == 0
    assert "another data.seed" in merge(parts, capsys, shards[0], other, code=2)
    assert not RunStore(parts).runs()
    assert "is no shard" in merge(parts, capsys, shards[0], tmp_path, code=2)
    chunk = next((shards[1] / "runs").glob("*/states/prompt/c/*/0/0"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert "are damaged" in merge(parts, capsys, code=2)
    assert not RunStore(parts).runs()


def test_a_copy_that_is_cut_off_leaves_nothing_in_its_place(tmp_path, monkeypatch):
    source, target = tmp_path / "zarr.json", tmp_path / "merged.json"
    source.write_text("{}")

    def cut_off(_, part):
        part.write_text("{")
        raise OSError("No space left on device")

    monkeypatch.setattr(shutil, "copyfile", cut_off)
    with pytest.raises(OSError, match="No space left"):
        copy_whole(source, target)
    assert not target.exists()


@pytest.mark.parametrize("typed", ["0/3", "4/3", "3", "a/b", "1/0", "1/99999", "-1/3", "1/3/5", ""])
def test_a_shard_that_is_none_is_refused(typed):
    with pytest.raises(DataError, match="shard"):
        Shard.parse(typed)
