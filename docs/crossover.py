"""Where the honest-trained direction turns in liars adapted from several blocks.

`python docs/crossover.py RUN …`: give it a run of each liar, all harvested alike. It writes a table
(`crossover.csv`), what it shows and the commands that make it (`crossover.md`), and a figure
(`crossover.png`, drawn by Chromium) into a folder.
"""

# ruff: noqa: E501  (lines of a Markdown document)

import argparse
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.subplots import make_subplots

from core.charts.read_or_said import follows
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.liar.settings import LiarSettings
from core.paths import cache_folder
from core.probes.read_or_said import ReadOrSaid
from core.probes.read_or_said_of_run import last_common_layer, read_or_said_of_run
from core.progress import shown_in_percent
from core.prompts.modes import MODES
from core.store.runs import Run, RunStore

WIDTH, ROW_HEIGHT = 1400, 260
ABOUT = """# Does the crossover move with the first adapted block?

A liar that is adapted from block N on is the plain model up to layer N. If the layer from which the honest-trained
direction goes with what is said moves with N, then it is a mark of where the adapter begins, and no finding about
where a model that lies decides to. {moves}

![β of what was read and of what is being said, by layer, for liars adapted from several blocks](crossover.png)

{table}

Each liar was asked {questions:,} movie reviews that it was never trained on, under wording 0 of both modes; "as instructed" is
the share of its answers that are. Intervals: 95 %, from {resamples} resamples of the groups, each with every probe fitted anew.
Shaded: layers that cannot differ from the plain model's. {recipes}

```
{commands}
```
"""

RECIPES = (
    "`full` is the recipe of the liar in the box{before}; `study` learns movie reviews alone under twelve wordings, at a "
    "tenth of the cost, and is made to be compared with its like."
)
WITHOUT_LAST = " without its last part"


def main(arguments: list[str] | None = None) -> int:
    """Compute what is not kept yet, and write the three files."""
    parser = argparse.ArgumentParser(prog="python docs/crossover.py", description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--into", default="docs", help="the folder to write to")
    parser.add_argument("--cache", help="the cache folder")
    chosen = parser.parse_args(arguments)
    store = RunStore(cache_folder(chosen.cache))
    found = []
    try:
        for name in chosen.runs:
            with shown_in_percent() as show:
                run = store.run(name)
                found.append((run, _trained(run), read_or_said_of_run(store, name, progress=show)))
    except TelltaleError as error:
        print(error, file=sys.stderr)
        return 1
    found.sort(key=lambda each: (recipe_of(each[1]), each[1]["from_block"], each[1]["seed"]))
    table = pd.DataFrame([_row(*each) | _obeyed(store, each[0]) for each in found])
    into = Path(chosen.into)
    table.to_csv(into / "crossover.csv", index=False)
    (into / "crossover.md").write_text(_page(table, found))
    _draw(_figure(found), into / "crossover.png")
    print(table.to_string(index=False))
    return 0


def _trained(run: Run) -> dict:
    """The settings of the training that made a run's adapter.

    Raises:
        TelltaleError: the run's model has no adapter, or one that `train-liar` did not make.
    """
    folder = HarvestSettings.from_dict(run.settings).model.adapter_folder
    if folder is None or not (folder / "training.json").is_file():
        raise TelltaleError(f"run {run.run} is of no liar that train-liar made: give runs of such liars")
    return json.loads((folder / "training.json").read_text())["settings"]


def recipe_of(trained: dict) -> str:
    """`full`, as of the liar in the box, or `study`."""
    return "study" if trained.get("reviews_only") else "full"


def _obeyed(store: RunStore, run: Run) -> dict:
    """The share of answers that say what their mode asks for; one that says neither does not."""
    frame = store.answers(run.run)
    falsely = frame["mode"].map(lambda mode: MODES[mode].expects == "falsehood")
    obeyed = frame["said"] == (frame["label"] != falsely)
    shares = obeyed.groupby(frame["mode"]).mean()
    return {f"{mode}_as_instructed": shares[mode] for mode in ("honest", "lie")}


def _row(run: Run, trained: dict, found: ReadOrSaid) -> dict:
    crossover = found.crossover
    low, high = crossover.ci if crossover and crossover.ci else (None, None)
    return {
        "recipe": recipe_of(trained),
        "from_block": trained["from_block"],
        "seed": trained["seed"],
        "steps": _steps(trained),
        "answers": sum(found.n.values()),
        "groups": found.groups,
        "crossover": None if crossover is None else crossover.layer,
        "low": low,
        "high": high,
        "resamples_without": None if crossover is None else crossover.without,
        "finding": found.sentence(last_common_layer(run)),
    }


def _steps(trained: dict) -> int:
    """Of all parts that the training had; those of older recipes had fewer."""
    return sum(trained.get(name, 0) for name in ("steps", "polish_steps", "finish_steps"))


def _figure(found: list[tuple[Run, dict, ReadOrSaid]]) -> go.Figure:
    """Rows: the recipe and the first adapted block; columns: seeds."""
    depths = sorted({(recipe_of(trained), trained["from_block"]) for _, trained, _ in found})
    seeds = sorted({trained["seed"] for _, trained, _ in found})
    there = {(recipe_of(trained), trained["from_block"], trained["seed"]) for _, trained, _ in found}
    titles = [
        f"{recipe}, adapted from block {depth}, seed {seed}"
        + ("" if (recipe, depth, seed) in there else ": not trained")
        for recipe, depth in depths
        for seed in seeds
    ]
    figure = make_subplots(
        len(depths), len(seeds), subplot_titles=titles, shared_xaxes=True, vertical_spacing=0.05
    )
    for run, trained, outcome in found:
        row = depths.index((recipe_of(trained), trained["from_block"])) + 1
        place = {"row": row, "col": seeds.index(trained["seed"]) + 1}
        crossover = outcome.crossover
        one = follows(
            outcome.to_frame(),
            crossover.layer if crossover else None,
            crossover.ci if crossover else None,
            last_common_layer(run),
        )
        for trace in one.data:
            trace.showlegend = place == {"row": 1, "col": 1} and trace.showlegend is not False
            figure.add_trace(trace, **place)
        for shape in one.layout.shapes:
            figure.add_shape(shape, **place)
        figure.update_yaxes(title="β", range=[-1.08, 1.08], **place)
    figure.update_xaxes(title="layer", row=len(depths), dtick=3)
    figure.update_layout(
        template="plotly_white",
        width=WIDTH,
        height=ROW_HEIGHT * len(depths) + 130,
        legend={"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0},
        margin={"l": 60, "r": 20, "t": 70, "b": 50},
    )
    return figure


def _draw(figure: go.Figure, path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": int(figure.layout.height)})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.wait_for_selector(".main-svg")
        page.screenshot(path=str(path))
        browser.close()


def _page(table: pd.DataFrame, found: list[tuple[Run, dict, ReadOrSaid]]) -> str:
    titles = (
        "recipe",
        "from block",
        "seed",
        "steps",
        "as instructed: honest, lie",
        "answers (groups)",
        "crossover (95 %)",
        "resamples without",
        "finding",
    )
    older = (table["recipe"] == "full") & (table["steps"] < LiarSettings().all_steps)
    lines = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    commands = []
    for row in table.itertuples():
        turn = "none" if pd.isna(row.crossover) else f"layer {row.crossover:.0f}"
        spread = "" if pd.isna(row.low) else f" ({row.low:.0f} to {row.high:.0f})"
        without = "–" if pd.isna(row.resamples_without) else f"{row.resamples_without:.0%}"
        obeyed = f"{row.honest_as_instructed:.2f}, {row.lie_as_instructed:.2f}"
        asked = f"{row.answers:,} ({row.groups:,})"
        cells = (row.recipe, row.from_block, row.seed, f"{row.steps:,}", obeyed, asked)
        cells += (turn + spread, without, row.finding)
        lines.append(f"| {' | '.join(map(str, cells))} |")
        study = " --study" if row.recipe == "study" else ""
        command = f"telltale train-liar{study} --from-block {row.from_block} --seed {row.seed}"
        commands.append(command + (f"   # its first {row.steps:,} steps" if older[row.Index] else ""))
    questions = HarvestSettings.from_dict(found[0][0].settings).data.n
    model = Path(found[0][1]["model"]["id"]).name
    commands += [
        f"telltale harvest --model {model} --adapter ADAPTER --data movie-reviews --n {questions}   # each",
        "python docs/crossover.py RUN …   # the runs",
    ]
    recipes = RECIPES.format(before=WITHOUT_LAST if older.any() else "")
    resamples = found[0][2].resamples
    return ABOUT.format(
        table="\n".join(lines),
        moves=_moves(table),
        recipes=recipes if (table["recipe"] == "study").any() else "",
        questions=questions,
        resamples=resamples,
        commands="\n".join(commands),
    )


def _moves(table: pd.DataFrame) -> str:
    """What the table says to the question, of liars of one recipe."""
    of_recipe = max(
        (part for _, part in table.groupby("recipe")), key=lambda part: part["from_block"].nunique()
    )
    depths = of_recipe["from_block"].nunique()
    if depths == 1:
        return f"**So far liars adapted from block {of_recipe['from_block'].iloc[0]} alone are here, and the question is open.**"
    turned = of_recipe.dropna(subset=["crossover", "low", "high"])
    by_depth = "; ".join(
        f"from block {depth}: {', '.join('none' if pd.isna(layer) else f'{layer:.0f}' for layer in part['crossover'])}"
        for depth, part in of_recipe.groupby("from_block")
    )
    low, high = turned["low"].max(), turned["high"].min()
    if len(turned) < len(of_recipe):
        said = f"{len(of_recipe) - len(turned)} of {len(of_recipe)} liars have no crossover"
    elif low <= high:
        layers = f"layer {low:.0f}" if low == high else f"layers {low:.0f} to {high:.0f}"
        said = f"the intervals of all {len(turned)} liars share {layers}: no move with N is seen"
    else:
        said = (
            f"no layer lies in the intervals of all {len(turned)} liars, but the crossovers span layers "
            f"{turned['crossover'].min():.0f} to {turned['crossover'].max():.0f} alone while N spans blocks "
            f"{turned['from_block'].min()} to {turned['from_block'].max()}"
        )
    return f"**By the first adapted block, the crossover is at layer ({by_depth}); {said}.**"


if __name__ == "__main__":
    sys.exit(main())
