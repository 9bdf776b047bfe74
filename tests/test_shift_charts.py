"""The chart of shifts says what the figures say, and reads no name as HTML."""

from dataclasses import replace

import pytest

from core.charts import shifts as shift_charts
from core.probes.rows import ProbeSettings
from core.probes.shifts import judge_shifts
from core.probes.shifts_figures import ALONE, WITH_HALF
from tests.shift_runs import KEEPS, LAYERS, LOSES, PLAIN, asked
from tests.test_charts import HOSTILE

QUICK = ProbeSettings(permutations=0)


def test_drops_stand_by_run_and_way_of_training_beside_zero():
    table = judge_shifts(PLAIN, [KEEPS, LOSES], LAYERS, QUICK).to_frame()
    figure = shift_charts.drops(table)
    drawn = {trace.name: trace for trace in figure.data}
    assert list(drawn) == [f"trained on {ALONE}", f"trained on {WITH_HALF}"]
    assert len({trace.marker.color for trace in figure.data}) == 2
    for regime in (ALONE, WITH_HALF):
        part, dots = table[table["trained_on"] == regime], drawn[f"trained on {regime}"]
        assert list(dots.x) == list(part["drop"])
        assert list(dots.error_x.array) == pytest.approx(list(part["drop_high"] - part["drop"]))
        assert list(dots.error_x.arrayminus) == pytest.approx(list(part["drop"] - part["drop_low"]))
    assert list(figure.layout.yaxis.ticktext) == ["typos", "upper"]
    assert any(shape.x0 == shape.x1 == 0 for shape in figure.layout.shapes)
    first = table.iloc[0]
    assert f"n {first['n']}; unshifted {first['unshifted']:.3f}" in figure.data[0].customdata[0]


def test_names_are_escaped_and_told_apart_where_two_runs_share_one():
    twice = [replace(asked(HOSTILE, {}, seed), run=f"{seed}-run") for seed in (5, 6)]
    figure = shift_charts.drops(judge_shifts(PLAIN, twice, LAYERS, QUICK).to_frame())
    assert len(figure.data) == 1 and len(set(figure.layout.yaxis.ticktext)) == 2
    texts = [*figure.layout.yaxis.ticktext, *figure.data[0].customdata]
    assert not any("<script" in text for text in texts) and "&lt;script&gt;" in texts[0]
