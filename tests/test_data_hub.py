"""Hub sets, tried on local files and made sets: no test reaches the network."""

import datasets
import pytest

from core.data.hub import PRESETS, load_hub, questions_from_dataset
from core.data.uploads import ColumnMapping
from core.errors import DataError


def test_boolq_puts_passage_and_question_into_the_text():
    made = datasets.Dataset.from_dict(
        {
            "question": ["is ice cold", "is fire wet"],
            "passage": ["On ice.", "On fire."],
            "answer": [True, False],
        }
    )
    first, second = questions_from_dataset(made, "boolq", PRESETS["boolq"])
    assert first.text == "On ice.\nQuestion: is ice cold?"
    assert (first.choices, first.label, second.label) == (("No", "Yes"), 1, 0)


@pytest.mark.parametrize("name", ["amazon_polarity", "imdb"])
def test_review_presets_are_negative_first(name):
    columns = {"title": ["good", "bad"], "content": ["a", "b"], "text": ["c", "d"], "label": [1, 0]}
    questions = questions_from_dataset(datasets.Dataset.from_dict(columns), name, PRESETS[name])
    assert [q.choices[q.label] for q in questions] == ["Positive", "Negative"]


def test_a_preset_whose_column_is_missing_is_refused():
    made = datasets.Dataset.from_dict({"passage": ["a"], "answer": [True]})
    with pytest.raises(DataError, match="boolq has no column 'question'"):
        questions_from_dataset(made, "boolq", PRESETS["boolq"])


def test_class_labels_are_read_by_their_names_and_blank_texts_left_out():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])}
    )
    made = datasets.Dataset.from_dict({"text": ["fine", " ", "awful"], "label": [0, 0, 1]}, features=features)
    questions = questions_from_dataset(made, "made")
    assert [(q.text, q.choices[q.label]) for q in questions] == [("fine", "Positive"), ("awful", "Negative")]


def test_a_draw_of_rows_is_seeded():
    rows = {"text": [f"w{number}" for number in range(100)], "label": [number % 2 for number in range(100)]}
    made = datasets.Dataset.from_dict(rows)
    draws = [questions_from_dataset(made, "made", n=20, seed=seed) for seed in (1, 1, 2)]
    assert len(draws[0]) == 20
    assert draws[0] == draws[1]
    assert [q.text for q in draws[0]] != [q.text for q in draws[2]]


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_local_file_or_folder_loads_through_datasets(tmp_path, where):
    (tmp_path / "set").mkdir()
    file = tmp_path / "set" / "train.csv"
    file.write_text("body,verdict\nfine,1\nawful,0\n")
    path = file if where == "file" else file.parent
    questions = load_hub(str(path), mapping=ColumnMapping("body", "verdict"), cache=tmp_path)
    assert [(q.text, q.label) for q in questions] == [("fine", 1), ("awful", 0)]
    assert questions[0].source == path.name


def test_several_splits_ask_for_a_choice(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text(f"text,label\nfine {split},1\nawful {split},0\n")
    with pytest.raises(DataError, match=r"has the splits train, test: choose one"):
        load_hub(str(tmp_path), cache=tmp_path)
    assert load_hub(str(tmp_path), "test", cache=tmp_path)[0].text == "fine test"


@pytest.mark.parametrize("name", ["pandas", "csv", "no-such-set", "a/b/c", ""])
def test_a_name_that_is_no_set_is_refused_before_the_library_sees_it(name, monkeypatch):
    def fail(*_args, **_options):
        raise AssertionError("the library was asked")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError, match="unknown hub set"):
        load_hub(name)


def test_an_unreachable_hub_is_one_clear_line(monkeypatch, tmp_path):
    def fail(*_args, **options):
        assert "trust_remote_code" not in options
        raise ConnectionError("no network\nand a long story")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError) as caught:
        load_hub("imdb", cache=tmp_path)
    assert str(caught.value) == "imdb cannot be loaded (no network): check the name, split and network"


def test_a_folder_with_a_loading_script_is_refused_and_the_script_not_run(tmp_path):
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "scripted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(DataError, match="cannot be loaded"):
        load_hub(str(folder), cache=tmp_path)
    assert not (tmp_path / "ran").exists()
