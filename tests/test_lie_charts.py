"""The lie score on screen: its figures, intervals and refusals as they are, at any number of answers."""

import numpy as np
import pandas as pd
import pytest

from core.charts.lie_score import KIND_COLOUR, PERCENTILES, by_kind, figures_of, told_apart
from core.probes.lie_judgements import FEWEST, Judgement, judge
from core.probes.lie_score import KINDS
from core.probes.metrics import Area, Control, Margin

UNTRUE = Judgement(
    "untrue",
    "untrue answers against true answers, both modes pooled",
    "untrue answers",
    "true answers, both modes pooled",
    1140,
    860,
    1000,
    Area(0.9, (0.85, 0.93), 2000, 1140),
    Control(0.6, (0.5, 0.7), 2000, 1140, Margin(0.3, (0.2, 0.4), 2000)),
)
WORDLESS = Judgement(
    "failed_lies",
    "lies against failed lies",
    "lies",
    "failed lies",
    70,
    30,
    100,
    Area(0.5, (0.4, 0.6), 100, 70),
)
REFUSED = Judgement(
    "flips", "lies against flips", "lies", "flips", 3, 4, 5, refused="3 <b>lies</b> are too few"
)


@pytest.fixture
def drawn():
    return told_apart(figures_of([UNTRUE, WORDLESS, REFUSED]))


def scores(**counts):
    """So many answers of each kind, with scores from 0 to 1 at equal distances."""
    parts = [
        pd.DataFrame({"kind": kind, "score": np.linspace(0, 1, n)})
        for kind, n in zip(KINDS, counts.values(), strict=False)
    ]
    return pd.concat(parts, ignore_index=True)


def names_of(figure):
    """What each line of a chart is called, by where it lies."""
    axis = figure.layout.yaxis
    return dict(zip((int(place) for place in axis.tickvals), axis.ticktext, strict=True))


def test_the_table_has_each_figure_with_its_interval_and_its_n():
    table = figures_of([UNTRUE, WORDLESS, REFUSED]).set_index("name")
    first = table.loc["untrue"]
    assert (first["positive"], first["negative"], first["groups"]) == (1140, 860, 1000)
    assert (first["auroc"], first["low"], first["high"]) == (0.9, 0.85, 0.93)
    assert (first["words_auroc"], first["words_low"], first["words_high"]) == (0.6, 0.5, 0.7)
    assert (first["margin"], first["margin_low"], first["margin_high"]) == (0.3, 0.2, 0.4)
    assert table.loc["failed_lies", "auroc"] == 0.5
    assert table.loc["failed_lies", ["words_auroc", "margin", "margin_low"]].isna().all()
    assert table.loc["flips", ["auroc", "low", "words_auroc", "margin"]].isna().all()
    assert table["refused"].tolist() == ["", "", "3 <b>lies</b> are too few"]


def test_marks_stand_where_the_figures_are_and_their_bars_reach_to_the_ends(drawn):
    score, words = drawn.data
    assert list(score.x) == [0.9, 0.5] and list(words.x) == [0.6]
    assert list(score.error_x.array) == pytest.approx([0.03, 0.1])
    assert list(score.error_x.arrayminus) == pytest.approx([0.05, 0.1])
    assert list(words.error_x.array) == pytest.approx([0.1])
    assert list(score.y) == pytest.approx([2.14, 1.14]) and list(words.y) == pytest.approx([1.86])
    assert score.marker.color != words.marker.color


def test_each_line_is_named_with_its_n_and_chance_is_marked(drawn):
    names = names_of(drawn)
    assert names[2].startswith("untrue answers against true answers,")
    assert names[2].endswith("<br>n 1,140 against 860") and names[1].endswith("<br>n 70 against 30")
    assert [shape.x0 for shape in drawn.layout.shapes] == [0.5]
    assert "chance 0.50" in [note.text for note in drawn.layout.annotations]
    assert "95 %" in drawn.layout.xaxis.title.text


def test_a_refused_judgement_says_why_on_its_own_line(drawn):
    (refused,) = (note for note in drawn.layout.annotations if "not judged" in note.text)
    assert refused.y == 0 and refused.text == "not judged: 3 &lt;b&gt;lies&lt;/b&gt; are too few"


def test_where_the_words_teach_nothing_they_are_not_drawn():
    assert [trace.name for trace in told_apart(figures_of([WORDLESS])).data] == ["lie score"]


def test_all_may_be_refused():
    none = pd.DataFrame(
        {
            "kind": ["honest, right"],
            "mode": "honest",
            "said": 1.0,
            "label": 1,
            "question": "q",
            "group": "g",
            "score": 0.0,
            "text_score": 0.0,
        }
    )
    refused = judge(none)
    figure = told_apart(figures_of(refused))
    notes = [note for note in figure.layout.annotations if "not judged" in note.text]
    assert not figure.data and len(notes) == len(refused)


@pytest.mark.parametrize("n", [FEWEST, 100_000])
def test_a_kind_is_five_numbers_however_many_answers_it_has(n):
    (box,) = by_kind(scores(lie=n)).data
    drawn = [box.lowerfence[0], box.q1[0], box.median[0], box.q3[0], box.upperfence[0]]
    assert drawn == pytest.approx([share / 100 for share in PERCENTILES])
    assert box.x is None and list(box.y) == [len(KINDS) - 1] and box.orientation == "h"


def test_a_few_answers_are_drawn_one_by_one():
    lies, failed = by_kind(scores(lie=7, failed=FEWEST - 1)).data
    assert (lies.type, len(lies.x)) == ("scatter", 7) and (failed.type, len(failed.x)) == ("scatter", 19)
    assert list(lies.x) == pytest.approx(np.linspace(0, 1, 7))
    assert set(lies.y) == {4} and set(failed.y) == {3}


def test_every_kind_is_named_with_its_n_and_has_a_colour_of_its_own():
    figure = by_kind(scores(lie=1200, failed=5, right=100))
    assert list(names_of(figure).values()) == [
        "lie<br>n 1,200",
        "failed lie<br>n 5",
        "honest, right<br>n 100",
        "honest error<br>n 0",
        "flip<br>n 0",
    ]
    assert [trace.marker.color for trace in figure.data] == [KIND_COLOUR[kind] for kind in KINDS[:3]]
    assert len(set(KIND_COLOUR.values())) == len(KINDS)
    assert figure.layout.xaxis.title.text and figure.layout.yaxis.title.text


def test_what_is_neither_lie_nor_failed_lie_is_in_no_box():
    unsure = scores(lie=30).assign(kind="")
    figure = by_kind(pd.concat([scores(lie=30), unsure], ignore_index=True))
    assert len(figure.data) == 1 and names_of(figure)[4] == "lie<br>n 30"
