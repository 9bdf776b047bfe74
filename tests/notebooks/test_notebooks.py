"""The notebooks of docs/ run from a fresh kernel, and what is saved in them is what they give."""

import base64
import re

import nbformat
import numpy as np
import pytest

from tests.conftest import beside
from tests.notebooks.execute import DOCS, NOTEBOOKS, code_cells, executed

LARGEST = 1_500_000
PLOTLY = "application/vnd.plotly.v1+json"
PROBE = "probe, AUROC on test data"
NUMBER = re.compile(r"[-+]?\d[\d.,]*")
RUN = re.compile(r"\b[0-9a-f]{12}\b")
CLOSE = 0.05
"""By how much figures of the same states may differ between processors, in AUROC or β."""


def saved(name):
    return nbformat.read(DOCS / f"{name}.ipynb", as_version=4)


@pytest.fixture(scope="module", params=NOTEBOOKS)
def fresh(request, cache, tmp_path_factory):
    """A notebook's name, and the notebook as it was executed on a cache of its own."""
    return request.param, executed(request.param, beside(cache, tmp_path_factory.mktemp(request.param)))


def without_numbers(text):
    """A text with its numbers and runs masked, and blanks as one: what of an output is the same each time."""
    return " ".join(NUMBER.sub("#", RUN.sub("RUN", text)).split())


def told(book):
    """All that each cell of code prints, masked."""
    return [
        [without_numbers(out.get("text") or out.data.get("text/plain", "")) for out in cell.outputs]
        for cell in code_cells(book)
    ]


def figures(book):
    """The curves of each figure: x, y and customdata of each trace by its masked name, as arrays."""
    outputs = [out for cell in code_cells(book) for out in cell.outputs if PLOTLY in out.get("data", {})]
    return [
        {
            without_numbers(trace["name"]): {
                key: numbers(trace[key]) for key in ("x", "y", "customdata") if key in trace
            }
            for trace in out.data[PLOTLY]["data"]
            if "name" in trace
        }
        for out in outputs
    ]


def numbers(values):
    """An array out of Plotly's JSON, where it may be typed and in base64."""
    if not isinstance(values, dict):
        return np.array(values, dtype=float)
    found = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).astype(float)
    return found.reshape([int(side) for side in values["shape"].split(",")]) if "shape" in values else found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_saved_was_run_from_first_to_last_and_names_no_machine(name):
    cells = code_cells(saved(name))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [out for cell in cells for out in cell.outputs]
    assert {out.output_type for out in outputs} <= {"execute_result", "display_data"} and len(outputs) > 5
    assert all("image/png" in out.data for out in outputs if PLOTLY in out.data)
    text = (DOCS / f"{name}.ipynb").read_text()
    assert len(text.encode()) < LARGEST
    assert not re.search(r"(?<![\w.)])/(?:home|root|tmp|work|usr|Users)/", text)


def test_what_is_saved_is_what_the_notebook_gives(fresh):
    name, book = fresh
    before = saved(name)
    assert [cell.source for cell in before.cells] == [cell.source for cell in book.cells]
    assert told(book) == told(before)
    for here, there in zip(figures(book), figures(before), strict=True):
        assert list(here) == list(there)
        for curve, values in here.items():
            if len(values["y"]) > 2:  # others are at a layer, which may be another
                assert np.allclose(values["y"], there[curve]["y"], atol=CLOSE, equal_nan=True), curve


def test_what_the_notebook_says_of_its_figures_holds(fresh):
    name, book = fresh
    {"first_lie": holds_of_the_first_lie, "bring_your_own": holds_of_what_was_brought}[name](book)


def holds_of_the_first_lie(book):
    probe, direction = figures(book)
    low, high = probe[PROBE]["customdata"].T
    assert low[15:21].max() > 0.5, "in the middle layers it reads the truth of what is lied about"
    assert high[30] < 0.5, "in the last layer it takes nearly every lie for the truth"
    for name in ("honest answer to the same question #", "own output, inverted under lie #"):
        assert probe[name]["y"][0] >= probe[PROBE]["y"].max() - CLOSE
    read, said = (
        direction[f"follows what {what}"]["y"] for what in ("was read (β_read)", "is being said (β_said)")
    )
    assert read[18] > said[18] and said[30] > read[30]
    plain = code_cells(book)[-1].outputs[-1].data["text/plain"]
    assert "cannot be told on this run: the model gave one choice" in plain
    both = code_cells(book)[11].outputs[0].data["text/plain"].splitlines()[-1].split()
    assert float(both[-2]) > 0.9, "a probe of both modes reads the truth in the last layer"


def holds_of_what_was_brought(book):
    chance, found = figures(book)
    low, high = chance[PROBE]["customdata"].T
    assert (low <= 0.5).all() and (high >= 0.5).all(), "a random model is chance in each layer"
    printed = code_cells(book)[7].outputs[-1].data["text/plain"]
    area, least = map(float, re.search(r"AUROC ([\d.]+) \(95 %: ([\d.]+)", printed).groups())
    null = float(re.search(r"permuted ([\d.]+)", printed)[1])
    assert least > 0.5 and area > 0.8 and 0.3 < null < 0.7
    assert found[PROBE]["y"].max() >= area
