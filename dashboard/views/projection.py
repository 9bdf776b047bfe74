"""Projection: one layer's states in two or three dimensions; what is picked in the picture can be pruned."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import charts
from core.jobs import JOBS
from core.projection import Projection, ProjectionSettings, known_projection, pca_layer, warm_up
from core.said_names import with_answers
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work
from dashboard.answer_table import answer_rows
from dashboard.fitted_probe import scores_of
from dashboard.pruning import decide

SCORE = "probe score (standard deviations)"
COLOURS = ("truth", "said", "mode", "verdict", "source", SCORE)
TICK = 0.9
FEW = 1000


def main() -> None:
    """The page."""
    with st.spinner("Reading the answers …"):
        run, frame = session.need_answers()
    cells = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
    positions = session.run_store().states(run.run).positions()
    position = in_address.selectbox(cells[0], "Position", positions, "position", key="position")
    method = in_address.segmented_control(
        cells[1], "Method", ("PCA", "UMAP"), "method", key="method", default="PCA"
    )
    dimensions = in_address.segmented_control(
        cells[2], "Dimensions", ("2-D", "3-D"), "dimensions", key="dimensions", default="2-D"
    )
    flat = dimensions == "2-D"
    colour = in_address.selectbox(cells[3], "Colour", COLOURS, "colour", key="colour")
    settings = ProjectionSettings(position, "umap" if method == "UMAP" else "pca", 2 if flat else 3)
    warm_up()
    known = known_projection(session.run_store(), run.run, settings)
    if known is None or not known.complete:
        offer(run, settings, known)
    drawn = session.shows_refusals(one_layer)
    st.fragment(drawn, run_every=TICK if st.session_state.get("playing") else None)(settings, colour)
    all_layers(run, frame, settings, known, colour)


def offer(run: Run, settings: ProjectionSettings, known: Projection | None) -> None:
    """Compute every layer in the background; PCA of the layer shown is there at once either way."""
    done = len(known.layers) if known else 0
    job = JOBS.get(work.PROJECTION)
    if job is None or not job.state.running:
        name = "UMAP" if settings.method == "umap" else "PCA"
        left, right = st.columns([3, 2], vertical_alignment="center")
        left.caption(
            f"{name} is ready for {done} of {run.facts['layers']} layers. "
            + ("Until then one layer's PCA is shown." if name == "UMAP" else "Playing needs them all.")
        )
        if right.button(f"Compute {name} of all layers", width="stretch"):
            model_panel.start(work.PROJECTION, work.project(session.run_store(), run.run, settings))
    session.watch_job(work.PROJECTION, about=run.run)


@st.cache_resource(max_entries=64, show_spinner="Projecting this layer …")
def _pca_layer(cache: str, run: str, answers: int, layer: int, settings: ProjectionSettings) -> Projection:
    return pca_layer(session.run_store(), run, layer, settings)


def one_layer(settings: ProjectionSettings, colour: str) -> None:
    """The picture of the shared layer, with play; what is picked in it appears below.

    It reads the run anew each time: it is redrawn without the page, and the run may grow meanwhile.
    """
    run, frame = session.need_answers()
    playing = st.session_state.get("playing")
    known = known_projection(session.run_store(), run.run, settings)
    if playing and known and known.layers:
        st.session_state["layer"] = (session.layer(run) + 1) % len(known.layers)
    left, right = st.columns([7, 1], vertical_alignment="bottom")
    with left:
        layer = session.layer_slider(run)
    if playing:
        if right.button("Pause", icon=":material/pause:", width="stretch"):
            st.session_state["playing"] = False
            st.rerun()
    elif right.button(
        "Play", icon=":material/play_arrow:", width="stretch", disabled=known is None or not known.complete
    ):
        st.session_state["playing"] = True
        st.rerun()
    if known is None or layer not in known.layers:
        known = _pca_layer(str(session.cache()), run.run, run.answers, layer, settings)
    points = coloured(run, frame, known, layer, colour)
    if colour not in points:
        st.caption("No probe has been fitted to this run yet: the Probes page does that. Coloured by truth.")
        colour = "truth"
    if layer in known.degenerate:
        st.info(
            f"At layer {layer} every state is the same: the last prompt token is the same in every prompt, "
            "and nothing has been mixed into it yet."
        )
    figure = charts.scatter(points, colour, axis_titles(known, layer), tuple(run.facts["choices"]))
    flat = known.settings.dimensions == 2
    picked = chart_with_table.show(
        figure,
        points,
        f"answers at layer {layer} by {known.settings.method.upper()}",
        f"scatter {run.run} {known.settings.method} {known.settings.dimensions}",
        on_select="rerun" if flat and not playing else "ignore",
        selection_mode=("box", "lasso", "points"),
        config={"displaylogo": False, "scrollZoom": True},
    )
    st.caption(
        f"Layer {layer}, position {settings.position}: {session.as_text(known.stated)}. Coordinates are for "
        "looking at: nothing is measured on them."
    )
    if flat and not playing:
        selection(run, frame, picked, colour == SCORE)


def axis_titles(projection: Projection, layer: int) -> list[str]:
    """What the axes are, with the share of variance where there is one."""
    number = projection.settings.dimensions
    if projection.settings.method == "umap" or projection.explained is None:
        return [f"UMAP {n + 1} (no unit)" for n in range(number)]
    shares = projection.explained[projection.layers.index(layer)]
    return [f"principal component {n + 1} ({shares[n]:.1%} of variance)" for n in range(number)]


def coloured(run: Run, frame: pd.DataFrame, projection: Projection, layer: int, colour: str) -> pd.DataFrame:
    """The layer's points with what the chart shows of each answer; without scores where there is no probe."""
    points, rows = with_answers(projection.at(layer), run, frame)
    points = points.assign(source=rows["source"])
    if colour == SCORE and (found := scores_of(run, rows, layer)) is not None:
        points[SCORE] = found / (np.nanstd(found) or 1.0)
    return points


def selection(run: Run, frame: pd.DataFrame, picked: Any, scores_shown: bool) -> None:
    """The answers picked with box or lasso, to be read and pruned."""
    found = sorted({int(p["customdata"][0]) for p in picked["selection"]["points"] if p.get("customdata")})
    if not found:
        st.caption("Draw a box or a lasso in the picture to read those answers here and to prune them.")
        return
    rows = frame[frame["answer"].isin(found)]
    table = answer_rows(run, rows).assign(decision=rows["action"])
    st.markdown(f"**{len(rows):,} answers picked**")
    st.dataframe(table, hide_index=True, height=260)
    cells = st.columns([3, 2, 2, 3], vertical_alignment="bottom")
    decide(run, [int(a) for a in rows["answer"]], cells, "picked", scores_shown, "projection")


def all_layers(
    run: Run, frame: pd.DataFrame, settings: ProjectionSettings, known: Projection | None, colour: str
) -> None:
    """Small multiples of every layer that is done."""
    with st.expander("All layers at a glance", icon=":material/grid_view:"):
        if settings.dimensions == 3 or colour == SCORE:
            st.caption("Small multiples are drawn in 2-D and by a colour of names.")
        elif known is None or not known.layers:
            st.caption("Compute all layers first.")
        elif st.toggle("Show them", key="multiples"):
            layers = {}
            for layer in known.layers:
                points = coloured(run, frame, known, layer, colour)
                layers[layer] = points.sample(FEW, random_state=0) if len(points) > FEW else points
            chart_with_table.show(
                charts.small_multiples(layers, colour, tuple(run.facts["choices"])),
                pd.concat([points.assign(layer=number) for number, points in layers.items()]),
                "answers at every layer",
                "multiples chart",
            )
            n = len(known.answers)
            sampled = f"a seeded sample of {FEW:,} of {n:,} answers" if n > FEW else f"{n:,} answers"
            st.caption(f"In each layer {sampled}, on one scale.")


main()
