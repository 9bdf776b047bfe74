"""Tables as people bring them: other encodings, ragged rows, nested and wrong types, cells of 10 MB."""

import gzip
import io
import json
import zipfile

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from core.data.parquet import Limits, read_parquet
from core.data.tables import keep_upload, read_table
from core.data.uploads import ColumnMapping, guess_mapping, questions_from_table, report_problems
from core.errors import DataError
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES, json_values
from tests.fuzz.refusals import accepted, is_sentence, listing, nothing_beside

SUFFIXES = st.sampled_from([".csv", ".jsonl", ".parquet"])


def asked(content: bytes, name: str) -> None:
    """All that a page does with an upload: read, guess, look for problems, make questions."""
    if (frame := accepted(read_table, content, name)) is None:
        return
    mapping = accepted(guess_mapping, frame, name) or ColumnMapping(frame.columns[0], frame.columns[-1])
    for problem in report_problems(frame, mapping, name):
        is_sentence(problem)
    questions = accepted(questions_from_table, frame, mapping, name)
    if questions is not None:
        assert len(questions) == len(frame)
        assert len({question.id for question in questions}) == len(questions)


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", content)
    return out.getvalue()


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift-jis", "utf-7")
CELLS = st.sampled_from(["good", "bad", "0", "1", "", " ", "=cmd()", '"', "\x00", "é", "中", "a,b", "\u202e"])
ROWS = st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=8).map("\n".join)


@cases(200)
@given(ROWS, st.sampled_from(ENCODINGS), st.sampled_from([bytes, gzip.compress, zipped]), SUFFIXES)
def test_any_encoding_and_packing_gives_questions_or_a_refusal(text, encoding, pack, suffix):
    asked(pack(f"text,label\n{text}".encode(encoding, errors="ignore")), "any" + suffix)


@cases(60)
@given(st.lists(st.dictionaries(st.sampled_from(["text", "label"]) | NAMES, json_values(4), max_size=4)))
def test_any_json_lines_give_questions_or_a_refusal(rows):
    asked("\n".join(map(json.dumps, rows)).encode(), "any.jsonl")


KINDS = {
    pyarrow.string(): st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    pyarrow.large_string(): st.sampled_from(["a", "b", None]),
    pyarrow.dictionary(pyarrow.int8(), pyarrow.string()): st.sampled_from(["a", "b", None]),
    pyarrow.int64(): st.none() | st.integers(-(2**63), 2**63 - 1),
    pyarrow.uint64(): st.integers(0, 2**64 - 1),
    pyarrow.bool_(): st.none() | st.booleans(),
    pyarrow.float64(): st.none() | st.floats(),
    pyarrow.decimal128(5, 2): st.none(),
    pyarrow.date32(): st.none() | st.dates(),
    pyarrow.timestamp("ns"): st.integers(-(2**63), 2**63 - 1),
    pyarrow.timestamp("s"): st.integers(-(2**50), 2**50),
    pyarrow.time64("us"): st.times(),
    pyarrow.duration("s"): st.integers(-(2**40), 2**40),
    pyarrow.binary(): st.none() | st.binary(max_size=4),
    pyarrow.binary(3): st.binary(min_size=3, max_size=3),
    pyarrow.null(): st.none(),
    pyarrow.list_(pyarrow.string()): st.none() | st.lists(st.text("ab", max_size=2), max_size=2),
    pyarrow.struct([("a", pyarrow.int8())]): st.none() | st.fixed_dictionaries({"a": st.integers(0, 9)}),
    pyarrow.map_(pyarrow.string(), pyarrow.int8()): st.none() | st.just([("a", 1)]),
}


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    """A Parquet file of columns of any types, packed in any way."""
    rows = draw(st.integers(0, 4))
    names = draw(st.lists(st.sampled_from(["text", "label", "id", "a.b", "a", ""]), max_size=4))
    columns = []
    for _ in names:
        kind = draw(st.sampled_from(list(KINDS)))
        columns.append(
            pyarrow.array(draw(st.lists(KINDS[kind], min_size=rows, max_size=rows))).cast(kind)
            if pyarrow.types.is_dictionary(kind)
            else pyarrow.array(draw(st.lists(KINDS[kind], min_size=rows, max_size=rows)), kind)
        )
    out = io.BytesIO()
    packing = draw(st.sampled_from(["none", "snappy", "gzip", "zstd", "brotli", "lz4"]))
    parquet.write_table(pyarrow.Table.from_arrays(columns, names), out, compression=packing)
    return out.getvalue()


@cases(200)
@given(parquet_files())
def test_parquet_of_any_types_gives_questions_or_a_refusal(content):
    asked(content, "any.parquet")


@cases(150)
@given(parquet_files(), st.data())
def test_parquet_damaged_at_its_end_gives_questions_or_a_refusal(content, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[-data.draw(st.integers(1, min(len(damaged), 400)))] = data.draw(st.integers(0, 255))
    asked(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]), "any.parquet")


def test_parquet_with_any_byte_of_its_footer_wrong_is_read_or_refused():
    """Where a column's sizes are damaged and are asked for, pyarrow ends the whole process."""
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": [0, 1]}), out, compression="none")
    content = out.getvalue()
    footer = int.from_bytes(content[-8:-4], "little")
    for place in range(len(content) - 8 - footer, len(content) - 8):
        for value in (0, 255):
            asked(content[:place] + bytes([value]) + content[place + 1 :], "any.parquet")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A cache in a folder of its own, so that what falls beside it is seen."""
    cache = tmp_path_factory.mktemp("sandbox") / "cache"
    cache.mkdir()
    return cache


@cases(150)
@given(
    name=NAMES, suffix=SUFFIXES | NAMES, content=st.sampled_from([b"text,label\na,0\nb,1\n", b"", b"\xff"])
)
def test_an_upload_of_any_name_stays_in_the_cache_or_leaves_it_alone(sandbox, name, suffix, content):
    before = listing(sandbox)
    with nothing_beside(sandbox):
        kept = accepted(keep_upload, sandbox, name + suffix, content)
    if kept is None:
        assert listing(sandbox) == before
    else:
        assert kept.resolve().is_relative_to(sandbox / "data" / "uploads") and kept.read_bytes() == content
        assert len(kept.name) < 80 and kept.name.isascii()


HUGE = "x" * 10_000_000


@pytest.mark.parametrize("row", [{"text": HUGE}, {"label": HUGE}, {"id": HUGE}, {HUGE: "a"}, {"group": HUGE}])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_cell_of_ten_megabytes_is_never_shown_whole(row, suffix):
    rows = [{"text": "a", "label": "0"}, {"text": "b", "label": "1"}]
    rows = [{**first, **row} for first in rows]
    out = io.BytesIO()
    if suffix == ".jsonl":
        out.write("\n".join(map(json.dumps, rows)).encode())
    elif suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        out.write("\n".join(lines).encode())
    else:
        parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    asked(out.getvalue(), "any" + suffix)


def test_what_is_left_out_of_a_parquet_file_is_not_a_column():
    out = io.BytesIO()
    table = {"text": ["a", "b"], "label": [0, 1], "vector": [[1.0], [2.0]], "raw": [b"a", b"b"]}
    parquet.write_table(pyarrow.table(table), out)
    frame = read_table(out.getvalue(), "x.parquet")
    assert list(frame.columns) == ["text", "label"] and list(frame.index) == [1, 2]
    with pytest.raises(DataError, match=r"no column 'vector' \(columns: text, label\)"):
        questions_from_table(frame, ColumnMapping("vector", "label"), "x.parquet")


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(1, 9, 99, 9999), "more than 1 rows"),
        (Limits(9, 1, 99, 9999), "at most 1 can be read"),
        (Limits(9, 9, 3, 9999), "more than 3 cells"),
        (Limits(9, 9, 99, 99), "unpacks to more than 99 bytes"),
    ],
)
def test_parquet_beyond_a_limit_is_refused_by_what_it_says_of_itself(limits, why):
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["a" * 99, "b" * 99], "label": [0, 1]}), out)
    with pytest.raises(DataError, match=why):
        read_parquet(out.getvalue(), "x.parquet", limits)
