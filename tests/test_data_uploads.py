"""Uploads: every mistake is named with file, line and column; anything else comes through unchanged."""

import csv
import io
import json
import pickle

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import tables
from core.data.tables import read_table
from core.data.uploads import ColumnMapping, guess_mapping, questions_from_table, report_problems
from core.errors import DataError

MAPPING = ColumnMapping("text", "label")


def csv_of(*rows: tuple[str, ...], header: tuple[str, ...] = ("text", "label")) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def questions_of(content: bytes, mapping: ColumnMapping = MAPPING, name: str = "x.csv"):
    return questions_from_table(read_table(content, name), mapping, name)


GOOD = csv_of(("dull film", "neg"), ("bright film", "pos"))


def test_a_csv_becomes_questions_negative_first():
    first, second = questions_of(GOOD)
    assert (first.id, first.text, first.label, first.choices) == (
        "x.csv:1",
        "dull film",
        0,
        ("Negative", "Positive"),
    )
    assert (second.label, second.source, second.group) == (1, "x.csv", "x.csv:2")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "x.csv", "x.csv is empty"),
        (b" \n\n", "x.jsonl", "x.jsonl is empty"),
        (b"text,label\n", "x.csv", "x.csv has no rows"),
        (b"text,label\na,0\nb\xe9,1\n", "x.csv", "x.csv line 3: byte 0xe9 is not UTF-8"),
        (b"text,label\na,0\nb,1,2\n", "x.csv", "x.csv line 3: 3 values, but the header has 2 columns"),
        (b'text,label\n"a\nb",0\n\nc\n', "x.csv", "x.csv line 5: 1 values"),
        (b'text,label\na,0\n"b,1\n', "x.csv", "x.csv line 3: unexpected end of data"),
        (b"text,text\na,0\n", "x.csv", "two columns named 'text'"),
        (b'{"text": "a"}\n{"text": \n', "x.jsonl", "x.jsonl line 2: not JSON"),
        (b'{"text": "a"}\n\n[1]\n', "x.jsonl", "x.jsonl line 3: expected an object"),
        (b'{"text": "\\ud800"}', "x.jsonl", "x.jsonl line 1: an escape"),
        (b"[" * 100_000, "x.jsonl", "x.jsonl line 1: a value that is too long or too deeply nested"),
        (b"text,label\na,0\n", "x.parquet", "x.parquet is not a Parquet file"),
        (GOOD, "x.xlsx", "x.xlsx (.xlsx) is not a table that can be read: choose .csv, .jsonl or .parquet"),
        (pickle.dumps({"text": ["a"]}), "x.pkl", "x.pkl (.pkl) is not a table"),
        (GOOD, "x", "x (no extension) is not a table"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name_and_line(content, name, message):
    with pytest.raises(DataError) as caught:
        read_table(content, name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv cannot be read: No such file"):
        read_table(tmp_path / "none.csv")


def test_a_file_over_the_row_limit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    assert len(read_table(b"a,b\n1,2\n3,4\n", "x.csv")) == 2
    pd.DataFrame({"a": [1, 2, 3]}).to_parquet(tmp_path / "x.parquet")
    for source, name in (
        (b"a,b\n1,2\n3,4\n5,6\n", "x.csv"),
        (b"{}\n{}\n{}\n", "x.jsonl"),
        (tmp_path / "x.parquet", None),
    ):
        with pytest.raises(DataError, match="more than 2 rows"):
            read_table(source, name)


def test_a_table_that_spreadsheets_write_is_read():
    frame = read_table("\ufefftext;label\r\nfine, really;1\r\n".encode(), "x.csv")
    assert frame.to_dict("records") == [{"text": "fine, really", "label": "1"}]


def test_rows_are_indexed_by_the_line_at_which_they_start():
    frame = read_table(b'text,label\n"a\nb",0\n\nc,1\n', "x.csv")
    assert (list(frame.index), frame.index.name) == ([2, 5], "line")


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [0.0, 1.0], ["no", "yes"]])
def test_jsonl_and_parquet_give_the_same_questions(tmp_path, labels):
    rows = [{"text": "bad day", "label": labels[0]}, {"text": "good night", "label": labels[1]}]
    pd.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    lines = "\n".join(map(json.dumps, rows)).encode()
    from_parquet = questions_from_table(read_table(tmp_path / "x.parquet"), MAPPING, "x")
    assert from_parquet == questions_from_table(read_table(lines, "x.jsonl"), MAPPING, "x")
    assert [q.label for q in from_parquet] == [0, 1]


@pytest.mark.parametrize(
    ("values", "choices"),
    [
        (("pos", "neg"), ("Negative", "Positive")),
        (("yes", "no"), ("No", "Yes")),
        (("TRUE", "FALSE"), ("False", "True")),
        (("1", "0"), ("0", "1")),
        (("spam", "ham"), ("ham", "spam")),
    ],
)
def test_known_pairs_come_negative_first_and_others_sorted(values, choices):
    first, second = questions_of(csv_of(("one", values[0]), ("two", values[1])))
    assert (first.choices, first.label, second.label) == (choices, 1, 0)


def test_label_names_rename_or_reorder_the_values():
    content = csv_of(("one", "spam"), ("two", "ham"))
    renamed = questions_of(content, ColumnMapping("text", "label", label_names=("Wanted", "Unwanted")))
    assert [(q.label, q.choices) for q in renamed] == [
        (1, ("Wanted", "Unwanted")),
        (0, ("Wanted", "Unwanted")),
    ]
    turned = questions_of(content, ColumnMapping("text", "label", label_names=("spam", "ham")))
    assert [(q.label, q.choices) for q in turned] == [(0, ("spam", "ham")), (1, ("spam", "ham"))]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("one", "a"), ("two", "b"), ("three", "c")],
            "column 'label' of x.csv has 3 values (a, b, c): a label column needs exactly two",
        ),
        ([("one", "a"), ("two", "a")], "column 'label' of x.csv has 1 value (a): a label column"),
        ([("one", "a"), ("  ", "b")], "x.csv line 3: column 'text' is empty"),
        ([("one", "a"), ("two", "b"), ("x", "")], "x.csv line 4: column 'label' is empty"),
    ],
)
def test_labels_and_texts_that_cannot_be_used_are_refused(rows, message):
    with pytest.raises(DataError) as caught:
        questions_of(csv_of(*rows))
    assert message in str(caught.value)


def test_a_list_in_the_text_column_is_refused_with_its_line():
    lines = b'{"text": "a", "label": 0}\n{"text": ["b"], "label": 1}\n'
    with pytest.raises(DataError, match=r"x\.jsonl line 2: column 'text' holds a list, not text"):
        questions_from_table(read_table(lines, "x.jsonl"), MAPPING, "x.jsonl")


def test_a_column_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(DataError, match=r"no column 'body' \(columns: text, label\)"):
        questions_of(GOOD, ColumnMapping("body", "label"))


def test_ids_and_groups_come_from_their_columns():
    content = csv_of(
        ("dull", "neg", "a", "g"),
        ("bright", "pos", "b", "g"),
        ("warm", "pos", "c", ""),
        header=("text", "label", "key", "author"),
    )
    questions = questions_of(content, ColumnMapping("text", "label", "key", "author"))
    assert [q.id for q in questions] == ["x.csv:a", "x.csv:b", "x.csv:c"]
    assert [q.group for q in questions] == ["x.csv:group g", "x.csv:group g", "x.csv:c"]


def test_an_id_that_stands_twice_is_refused_with_both_lines():
    content = csv_of(("one", "0", "k"), ("two", "1", "k"), header=("text", "label", "id"))
    with pytest.raises(DataError, match=r"x\.csv lines 2, 3: column 'id' holds 'k' twice"):
        questions_of(content, ColumnMapping("text", "label", "id"))


def test_near_duplicates_share_a_group():
    content = csv_of(("a b c d", "neg"), ("A b c d e", "pos"), ("something else", "pos"))
    assert [q.group for q in questions_of(content)] == ["x.csv:1", "x.csv:1", "x.csv:3"]


def test_the_mapping_is_guessed_from_names_then_from_values():
    named = read_table(csv_of(("1", "x", "0"), header=("id", "Review", "label")), "x.csv")
    assert guess_mapping(named, "x.csv") == ColumnMapping("Review", "label", "id")
    content = csv_of(("1", "a long text", "n"), ("2", "another", "y"), header=("row", "body", "verdict"))
    unnamed = read_table(content + b"3,third,n\n", "x.csv")
    assert guess_mapping(unnamed, "x.csv") == ColumnMapping("body", "verdict")


def test_a_table_without_a_label_cannot_be_guessed():
    content = csv_of(("a",), ("b",), ("c",), header=("text",))
    with pytest.raises(DataError, match="no column has two values"):
        guess_mapping(read_table(content, "x.csv"), "x.csv")


def test_problems_are_reported_before_anything_runs():
    content = csv_of(("same", "0"), ("same", "1"), ("", "0"), ("other", ""))
    assert report_problems(read_table(content, "x.csv"), MAPPING, "x.csv") == [
        "1 empty text (line 4)",
        "1 empty label (line 5)",
        "1 duplicate text: they share a group",
        "1 text with both labels",
    ]


def test_one_sided_labels_are_reported():
    rows = [(f"text {number}", "0") for number in range(19)]
    frame = read_table(csv_of(*rows, ("last", "1")), "x.csv")
    assert report_problems(frame, MAPPING, "x.csv") == ["one-sided labels: only 1 of 20 are '1'"]
    frame = read_table(csv_of(*rows), "x.csv")
    assert report_problems(frame, MAPPING, "x.csv") == [
        "column 'label' of x.csv has 1 value (0): a label column needs exactly two"
    ]


def test_a_sound_table_has_no_problems():
    assert report_problems(read_table(GOOD, "x.csv"), MAPPING, "x.csv") == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_quotes_commas_newlines_and_unicode_come_through_a_csv_unchanged(texts):
    rows = [(text, "yes" if number else "no") for number, text in enumerate([*texts, 'last, "one"\r\n'])]
    assert [q.text for q in questions_of(csv_of(*rows))] == [text for text, _ in rows]


def questions_or_refusal(content: bytes, name: str) -> None:
    """Any exception but DataError fails the test that calls this."""
    try:
        frame = read_table(content, name)
        mapping = guess_mapping(frame, name)
        report_problems(frame, mapping, name)
        questions = questions_from_table(frame, mapping, name)
    except DataError as error:
        assert str(error)
        return
    assert len(questions) == len(frame)
    assert all(question.text.strip() for question in questions)
    assert len({question.id for question in questions}) == len(questions)


SUFFIXES = st.sampled_from([".csv", ".jsonl", ".parquet"])


@given(st.binary(max_size=300), SUFFIXES)
def test_any_bytes_give_questions_or_a_refusal(content, suffix):
    questions_or_refusal(content, "any" + suffix)


@given(st.text('ab,;\t"\n\r\x0001', max_size=80), st.booleans())
def test_any_text_gives_questions_or_a_refusal(text, with_header):
    questions_or_refusal((("text,label\n" if with_header else "") + text).encode(), "any.csv")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.dictionaries(st.sampled_from(["text", "label", "id", "group"]), JSON), max_size=5))
def test_any_json_objects_give_questions_or_a_refusal(rows):
    questions_or_refusal("\n".join(map(json.dumps, rows)).encode(), "any.jsonl")


@given(st.data())
def test_a_damaged_parquet_file_gives_questions_or_a_refusal(data):
    out = io.BytesIO()
    pd.DataFrame({"text": ["one", "two"], "label": [0, 1]}).to_parquet(out)
    content = bytearray(out.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    questions_or_refusal(bytes(content), "any.parquet")


def test_an_upload_is_kept_under_a_name_of_our_own_making(tmp_path):
    kept = tables.keep_upload(tmp_path, "../../evil name\u202e.csv", GOOD)
    assert kept.parent.parent == tmp_path / "data" / "uploads" and kept.read_bytes() == GOOD
    assert kept.name == "evil-name-.csv"
    assert tables.keep_upload(tmp_path, "../../evil name\u202e.csv", GOOD) == kept
    with pytest.raises(DataError, match="is empty"):
        tables.keep_upload(tmp_path, "empty.csv", b"")
