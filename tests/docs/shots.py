"""What each picture of the docs shows: the page, the run, and the texts for whose sake it is there.

The runs are made twice over: for pictures by the liar in the box on 200 reviews; for checks, where only what
stands on a page matters, from states with a planted truth and by a tiny random model.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from core.cli import main
from core.store.runs import RunStore
from tests.browser.conftest import SLOW, settle
from tests.exchange.brought import bring, states_of, table

REVIEWS = ("harvest", "--data", "movie-reviews", "--n")
PICTURED_LAYER, CHECKED_LAYER = 17, 2
STEERED = 10
"""Test questions that are asked while states are pushed."""


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        page: of docs/pages and dashboard/views, and of the picture, by its name.
        run: which of the runs that were made it is of.
        texts: what it was taken to show.
        height: of the window, in pixels.
        chosen: what the page's address chooses besides the run and the layer; runs in braces.
        before: what is done on the page before it is taken.
    """

    page: str
    run: str
    texts: tuple[str, ...]
    height: int = 1000
    chosen: str = ""
    before: Callable[[Page], None] = lambda page: None


def score_statements(page: Page) -> None:
    """Have what is typed put to the model, and wait until it is scored."""
    page.get_by_role("button", name="Score them").click()
    expect(page.get_by_text("Score what is typed above")).to_have_count(0, timeout=SLOW)


def bring_states(page: Page) -> None:
    """Have states and labels looked at."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("States, Inspect log or transcripts", "Table of labels")
        for name, file in zip(names, bring(Path(folder)), strict=True):
            page.get_by_role("textbox", name=name, exact=True).fill(str(file))
            page.keyboard.press("Enter")
            settle(page)


SHOTS = (
    Shot("generate", "asked", ("Honest accuracy", "Untrue under lie", "Lies", "Gave a choice", "Start")),
    Shot("elicit", "asked", ("Winner", "Use these settings", "Elicitation")),
    Shot(
        "prune", "asked", ("Drop all modes", "The same question", "Reason of a drop"), chosen="section=Queue"
    ),
    Shot("projection", "read", ("Colour", "Layer (0 is the embedding output)"), 1100),
    Shot("probes", "read", ("With the mode hidden", "Permuted labels", "Controls"), 1750),
    Shot("read_or_said", "read", ("What the direction follows", "What can be read"), 1500),
    Shot("lie_score", "read", ("AUROC, untrue from true", "What it tells apart"), 1200),
    Shot(
        "transfer",
        "read",
        ("Within their own run probes reach AUROC", "The diagonal is cross-validated"),
        chosen="runs={read},{elsewhere}",
    ),
    Shot("shifts", "asked", ("Shifted runs", "A gain is over the probe of the unshifted run alone")),
    Shot("steer", "asked", ("What is done", "test questions", "Measure"), 1100, f"n={STEERED}"),
    Shot("tokens", "asked", ("Spellings", "Outside both choices"), 1100),
    Shot("runs", "asked", ("Search", "runs:"), 700),
    Shot("import", "asked", ("Answers", "Groups", "Values a state"), 1000, "from=path", bring_states),
    Shot("export", "asked", ("Parquet and safetensors", "New folder", "Write it"), 700),
    Shot("compare", "read", ("What they say", "What a probe reads"), 1300, "other={other}"),
    Shot(
        "statements",
        "asked",
        ("What the model says, and", "What it says itself"),
        1200,
        before=score_statements,
    ),
)


def tell(cache: Path, *words: object) -> None:
    """Run a command that succeeds."""
    assert main([*map(str, words), "--cache", str(cache)]) == 0, words


def run_of(cache: Path, name: str, style: str = "plain") -> str:
    """The id of the run of a source in a style that was asked under honest and lie."""
    return next(
        run.run
        for run in RunStore(cache).runs()
        if Path(run.settings["data"]["name"]).name == name
        and run.style == style
        and set(run.settings["modes"]) == {"honest", "lie"}
    )


def experiments(cache: Path, run: str, other: str) -> None:
    """What the pages about states show, computed beforehand."""
    tell(cache, "probe", run)
    tell(cache, "read-or-said", run)
    tell(cache, "lie-score", run)
    tell(cache, "transfer", run, other, "--judge-mode", "lie")


def restyled(cache: Path, run: str, *asked: object, layer: int) -> None:
    """What the pages about prompts show, computed beforehand."""
    for style in ("typos", "upper"):
        tell(cache, *asked, "--style", style)
    tell(cache, "shifts", run, *(run_of(cache, "movie-reviews", style) for style in ("typos", "upper")))
    tell(cache, "steer", run, "--layer", layer, "--n", STEERED)


def pictured(cache: Path) -> Mapping[str, str]:
    """The runs of the pictures, by the liar in the box; made once, found again after that."""
    asked = (*REVIEWS, 200)
    tell(cache, *asked)
    tell(cache, "harvest", "--data", "amazon-reviews", "--n", 200)
    run, other = run_of(cache, "movie-reviews"), run_of(cache, "amazon-reviews")
    experiments(cache, run, other)
    tell(cache, *asked, "--mode", "flip")
    flips = next(run.run for run in RunStore(cache).runs() if run.settings["modes"] == ["flip"])
    tell(cache, "lie-score", run, "--flip-run", flips)
    restyled(cache, run, *asked, layer=PICTURED_LAYER)
    grid = ("--template", "review", "--wording", 0, "--wording", 1, "--shots", 0, "--system")
    tell(cache, "elicit", "--data", "movie-reviews", "--n", 16, *grid)
    typos = run_of(cache, "movie-reviews", "typos")
    tell(cache, "compare", run, typos)
    return {"asked": run, "read": run, "other": typos, "elsewhere": other}


def checked(cache: Path, brought: Path, model: Path) -> Mapping[str, str]:
    """Runs on which the same is on screen, for little."""
    for name, seed in (("here", 1), ("there", 2)):
        (brought / name).mkdir()
        frame = table()
        tell(cache, "import", *_with_labels(bring(brought / name, frame, states_of(frame, seed))))
    there, here = (run.run for run in RunStore(cache).runs())
    experiments(cache, here, there)
    tell(cache, "compare", here, there)
    asked = (*REVIEWS, 80, "--model", model)
    tell(cache, *asked)
    run = run_of(cache, "movie-reviews")
    tell(cache, "probe", run)
    restyled(cache, run, *asked, layer=CHECKED_LAYER)
    grid = ("--template", "review", "--wording", 0, "--shots", 0, "--order", 0)
    tell(cache, "elicit", "--data", "movie-reviews", "--n", 8, *grid, "--model", model)
    return {"asked": run, "read": here, "other": there, "elsewhere": there}


def _with_labels(files: tuple[Path, Path]) -> tuple[object, ...]:
    states, labels = files
    return states, "--labels", labels, "--model", "planted"
