"""Charts say what the data says: values, colours, titles; and never read text as HTML."""

import numpy as np
import pandas as pd
import pytest

from core import charts
from core.charts.error_bars import error_bars
from dashboard import plain_text, session

HOSTILE = '<script>alert(1)</script><a href="x">y</a>'
CHOICES = ("Negative", "Positive")


def points(n=4, **more):
    frame = pd.DataFrame(
        {
            "answer": range(n),
            "x": np.arange(n, dtype=float),
            "y": np.arange(n, dtype=float)[::-1],
            "z": np.zeros(n),
            "mode": ["honest", "lie"] * (n // 2),
            "text": HOSTILE,
            "generated": HOSTILE,
            "said": "Positive",
            "truth": ["Negative", "Negative", "Positive", "Positive"] * (n // 4),
            "verdict": "right",
        }
    )
    return frame.assign(**more)


def test_truth_keeps_its_colours_and_modes_their_shapes():
    figure = charts.scatter(points(), "truth", ["a", "b"], CHOICES)
    drawn = {trace.name: (trace.marker.color, trace.marker.symbol) for trace in figure.data}
    assert drawn == {
        "Negative · honest (n 1)": (charts.NEGATIVE, "circle"),
        "Negative · lie (n 1)": (charts.NEGATIVE, "diamond-open"),
        "Positive · honest (n 1)": (charts.POSITIVE, "circle"),
        "Positive · lie (n 1)": (charts.POSITIVE, "diamond-open"),
    }
    assert figure.layout.xaxis.title.text == "a" and figure.data[0].type == "scattergl"


def test_hover_text_is_escaped_and_points_know_their_answer():
    figure = charts.scatter(points(), "truth", ["a", "b"], CHOICES)
    for trace in figure.data:
        assert "<script" not in trace.customdata[0][1] and "&lt;script&gt;" in trace.customdata[0][1]
    assert sorted(int(trace.customdata[0][0]) for trace in figure.data) == [0, 1, 2, 3]


def test_numbers_give_a_scale_and_three_axes_three_dimensions():
    frame = points(score=[-1.0, 2.5, 0.5, 0.2])
    figure = charts.scatter(frame, "score", ["a", "b", "c"], CHOICES)
    assert {trace.type for trace in figure.data} == {"scatter3d"}
    assert figure.data[0].marker.cmin == -2 and figure.data[0].marker.cmax == 2
    assert figure.layout.scene.zaxis.title.text == "c"


def test_the_chosen_layer_is_ringed_and_controls_are_drawn_where_they_are():
    layers = pd.DataFrame({"layer": [0, 1], "value": [0.5, 0.9], "low": [0.4, 0.8], "high": [0.6, 0.95]})
    controls = pd.DataFrame(
        [
            {"name": "permuted", "auroc": 0.5, "low": 0.4, "high": 0.6},
            {"name": "text", "auroc": 0.85, "low": 0.8, "high": 0.9},
        ]
    )
    figure = charts.by_layer(layers, controls, "AUROC", 1)
    by_name = {trace.name: trace for trace in figure.data}
    ring = by_name["layer 1, chosen on validation data"]
    assert (list(ring.x), list(ring.y)) == ([1], [0.9])
    assert list(by_name["TF-IDF on the question's text 0.85"].y) == [0.85, 0.85]
    band = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (band.y0, band.y1) == (0.4, 0.6)
    assert any(shape.y0 == shape.y1 == 0.5 for shape in figure.layout.shapes)
    plain = charts.by_layer(layers, controls, "accuracy", 1)
    assert not [trace for trace in plain.data if trace.name and "TF-IDF" in trace.name]


def test_masked_tokens_are_left_out_and_untrained_ones_hatched():
    scores = pd.DataFrame(np.arange(8.0).reshape(4, 2), index=["<b>", " a", "b", "\n"])
    figure = charts.token_heat_map(scores, [True, False, False, False], [False, False, False, True], 5.0)
    assert figure.data[0].z.tolist() == [[2, 4, 6], [3, 5, 7]]
    assert list(figure.layout.xaxis.ticktext) == ["·a", "b", "⏎"]
    assert list(figure.data[1].x) == [0, 1]
    assert (figure.data[0].zmin, figure.data[0].zmid, figure.data[0].zmax) == (-5, 0, 5)


def test_confusion_has_its_counts_with_the_truth_downwards():
    figure = charts.confusion([[25, 5], [6, 24]], CHOICES)
    assert [list(row) for row in figure.data[0].z] == [[25, 5], [6, 24]]
    assert list(figure.data[0].y) == ["Negative", "Positive"]
    assert figure.layout.yaxis.title.text == "target" and figure.layout.yaxis.autorange == "reversed"


def test_calibration_has_its_n_and_interval():
    bins = pd.DataFrame({"predicted": [0.2], "observed": [0.3], "n": [7], "low": [0.1], "high": [0.6]})
    dots = charts.reliability(bins).data[1]
    assert dots.error_y.array[0] == pytest.approx(0.3) and dots.error_y.arrayminus[0] == pytest.approx(0.2)
    assert dots.text[0] == "n 7"


def test_marks_fall_where_the_scores_are():
    training = pd.DataFrame({"score": [-1.0, -2, 1, 2], "target": [0, 0, 1, 1]})
    marks = pd.DataFrame({"score": [0.7], "label": [HOSTILE]})
    figure = charts.score_distribution(training, marks, CHOICES)
    assert [trace.name for trace in figure.data] == ["training: Negative (n 2)", "training: Positive (n 2)"]
    assert 0.7 in [shape.x0 for shape in figure.layout.shapes]
    assert all("<script" not in (note.text or "") for note in figure.layout.annotations)


def test_every_axis_is_labelled():
    table = pd.DataFrame(
        {
            "choice": ["No", "Yes"],
            "label": ["'No'", "'Yes'"],
            "mean_probability": [0.1, 0.2],
            "emitted": [1, 2],
        }
    )
    balance = pd.DataFrame({"mode": ["lie", "lie"], "truth": ["a", "b"], "n": [1, 2]})
    for figure in (
        charts.spelling_bars(table),
        charts.class_balance(balance, balance, ("a", "b")),
        charts.confusion([[1, 0], [0, 1]], CHOICES),
    ):
        assert figure.layout.xaxis.title.text and figure.layout.yaxis.title.text


def test_small_multiples_draw_each_layer_in_the_choices_colours():
    figure = charts.small_multiples({0: points(), 1: points()}, "truth", CHOICES, columns=2)
    drawn = [trace for trace in figure.data if trace.type == "scattergl"]
    assert len(drawn) == 2
    assert list(drawn[0].marker.color) == [charts.NEGATIVE] * 2 + [charts.POSITIVE] * 2
    assert [note.text for note in figure.layout.annotations] == ["layer 0", "layer 1"]


def test_class_balance_keeps_the_choices_colours_when_one_is_gone():
    before = pd.DataFrame({"mode": ["lie", "lie"], "truth": ["Wrong", "Correct"], "n": [3, 4]})
    after = before[before["truth"] == "Correct"]
    figure = charts.class_balance(before, after, ("Wrong", "Correct"))
    colours = {trace.name: trace.marker.color for trace in figure.data if len(trace.x)}
    assert colours == {
        "Wrong, before": charts.tint(charts.NEGATIVE),
        "Correct, before": charts.tint(charts.POSITIVE),
        "Correct, after pruning": charts.POSITIVE,
    }


def test_counts_on_the_bars_have_the_colour_of_the_page_whatever_fades_the_bars():
    rows = pd.DataFrame({"mode": ["lie", "lie"], "truth": ["Wrong", "Correct"], "n": [3, 0]})
    figure = charts.class_balance(rows, rows, ("Wrong", "Correct"))
    for trace in figure.data:
        assert trace.opacity is None and trace.marker.opacity is None and trace.textposition == "outside"
        assert trace.textfont.color is None
    assert figure.layout.yaxis.range[1] > 1.1 * 3, "there is room for the count above the highest bar"
    assert [int(text) for trace in figure.data for text in trace.text] == [3, 0, 3, 0]


def test_a_tint_lies_between_a_colour_and_white():
    assert charts.tint("#000000", 0.0) == "#ffffff" and charts.tint("#123456", 1.0) == "#123456"
    assert charts.tint("#000000", 0.5) == "#808080"


def test_error_bars_reach_to_the_ends_of_the_interval():
    rows = pd.DataFrame({"share": [0.5, None], "low": [0.4, None], "high": [0.7, None]}, dtype=object)
    bars = error_bars(rows, "share", "#000000")
    assert bars["array"][0] == pytest.approx(0.2) and bars["arrayminus"][0] == pytest.approx(0.1)
    assert np.isnan(bars["array"][1]) and bars["symmetric"] is False and bars["color"] == "#000000"


def test_chance_of_accuracy_is_the_larger_class():
    layers = pd.DataFrame({"layer": [0], "value": [0.9], "low": [0.8], "high": [0.95]})
    none = pd.DataFrame(columns=["name", "auroc", "low", "high"])
    figure = charts.by_layer(layers, none, "accuracy", 0, chance=0.9)
    assert [shape.y0 for shape in figure.layout.shapes] == [0.9]


def test_a_token_strip_escapes_what_tokens_hold():
    strip = session.token_strip([HOSTILE, "Ġa"], ['"><b>', "#fff"])
    assert "<script" not in strip and "<b>" not in strip and "·a" in strip


def test_markdown_in_text_is_escaped():
    told = plain_text.as_text("![x](http://y) *a* <b>")
    assert told.replace(plain_text.CUT, "") == (r"\!\[x\]\(http\://y\) \*a\* \<b\>")
    assert r"http\://y" not in told
