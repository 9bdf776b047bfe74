"""The figure of the states: one layer's principal components, for looking at."""

import numpy as np

from core import charts
from core.errors import ProjectionError
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.projection import ProjectionSettings, pca_layer
from core.said_names import with_answers

SECTION = "States"
TITLE = "One layer's states, in two dimensions"
MOST_POINTS = 1000
"""Points that are drawn, each with its answer's text; of more a seeded sample."""
DEFAULT_SHARE = 0.6
"""Of the depth, where no probe has chosen a layer: truth is often read best a little above the middle."""


def figure_of_states(at: Answered, chosen: int | None) -> Drawn:
    """PCA of one layer's states, coloured by the truth, or by the verdict of open answers.

    Args:
        chosen: the layer that a judged probe was read at; None has one a little above the middle.
    """
    run = at.run
    positions = at.store.states(run.run).positions()
    if not positions:
        return [Absent(SECTION, TITLE, "the run keeps no states of single answers")]
    position = "prompt" if "prompt" in positions else positions[0]
    layer = round(DEFAULT_SHARE * (run.facts["layers"] - 1)) if chosen is None else chosen
    try:
        projection = pca_layer(at.store, run.run, layer, ProjectionSettings(position))
    except ProjectionError as why:
        return [Absent(SECTION, TITLE, str(why))]
    points, _ = with_answers(projection.at(layer), run, at.labelled)
    all_points = len(points)
    if all_points > MOST_POINTS:
        points = points.sample(MOST_POINTS, random_state=0)
    shares = np.zeros(2) if projection.explained is None else projection.explained[0]
    axes = [f"principal component {n + 1} ({share:.1%} of variance)" for n, share in enumerate(shares)]
    colour = "verdict" if at.open else "truth"
    chart = charts.scatter(points, colour, axes, at.choices, webgl=False)
    drawn = "" if len(points) == all_points else f"; drawn is a seeded sample of {len(points):,}"
    how = "that a probe was judged at" if chosen is not None else "a little above the middle"
    caption = (
        f"Layer {layer} of {run.facts['layers'] - 1}, {how}, at position {position}: "
        f"{projection.stated}{drawn}. Coordinates are for looking at: nothing is measured on them, and they "
        "have no interval."
    )
    if layer in projection.degenerate:
        caption += " At this layer every state is the same."
    command = f"telltale export {run.run} --layer {layer} --position {position} --file states.npy"
    return [RunFigure("states", SECTION, TITLE, caption, chart, points, command)]
