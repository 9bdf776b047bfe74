"""Transfer, Steer and Lie score on the runs of the liar and of the plain model: pages say what was stored."""

import re
import shutil

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.probes.lie_score import KINDS, LieScoreSettings
from core.probes.lie_score_of_run import LieScoreReport, known_lie_score
from core.probes.read_or_said_of_run import last_common_layer
from core.probes.rows import ProbeSettings
from core.probes.transfer import known_transfer, to_frame
from core.steering.of_run import known_steering
from core.steering.settings import SteerSettings
from core.store.runs import RunStore
from dashboard.session import DEFAULT_LAYER_SHARE
from tests.browser.conftest import SLOW, go, metric, open_page, settle, start_app
from tests.conftest import measure


@pytest.fixture(scope="module")
def liar(liar_run, tmp_path_factory):
    """A copy of the cache with both runs, so that what is made here is nobody else's; the liar's run."""
    folder, run = liar_run
    copy = tmp_path_factory.mktemp("experiments") / "cache"
    shutil.copytree(folder, copy, symlinks=True)
    return RunStore(copy), run


@pytest.fixture(scope="module")
def address(liar):
    store, run = liar
    process, where = start_app(store.cache, store.cache / "app.log")
    yield f"{where}/?run={run}"
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def flips(liar):
    """The liar asked the same questions once more, openly for the opposite: that run's id.

    The tests before those that ask for it go on without a run of flips.
    """
    store, _ = liar
    asked = ("--data", "amazon-reviews", "--n", 100, "--mode", "flip", "--cache", store.cache)
    return measure("harvest", *asked).result["run"]


def fill(page: Page, label: str, value: object) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    settle(page)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def downloaded(page: Page, button: str) -> pd.DataFrame:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return pd.read_csv(download.value.path())


def test_every_page_has_its_link_in_view(page):
    settle(page)
    expect(page.get_by_role("link", name="Generate", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Statements", exact=True)).to_be_visible()


def test_a_link_to_a_run_survives_a_quick_click(chromium, address, liar):
    """The page is left before it is drawn: its address and what it chose must not be lost."""
    older = RunStore(liar[0].cache).runs()[-1].run
    page = open_page(chromium, f"{address.split('?')[0]}?run={older}")
    go(page, "Prune")
    expect(page.get_by_role("radio", name="Queue")).to_be_visible(timeout=SLOW)
    page.keyboard.press("n")
    settle(page)
    page.reload()
    settle(page)
    expect(page.get_by_text(re.compile(f"· {older}$"))).to_be_visible(timeout=SLOW)
    page.close()


def test_transfer_fills_the_matrix_of_two_runs(page, liar):
    store, run = liar
    other = next(r.run for r in store.runs() if r.run != run)
    settle(page)
    go(page, "Transfer")
    page.get_by_role("button", name="Fill the matrix").click()
    expect(page.get_by_text("The diagonal is cross-validated within its run")).to_be_visible(timeout=SLOW)
    settle(page)
    cells = to_frame(known_transfer(store, [run, other], ProbeSettings(), ["lie"]))
    assert len(cells) == 4 and cells["auroc"].notna().all()
    own = cells.loc[cells["trained"] == cells["judged"], "auroc"]
    says = f"Within their own run probes reach AUROC {own.min():.2f} to {own.max():.2f}"
    expect(page.get_by_text(says)).to_be_visible()
    chart = page.locator(".js-plotly-plot").first
    for auroc in cells["auroc"]:
        expect(chart).to_contain_text(f"{auroc:.2f}")
    assert downloaded(page, "Cells as CSV")["auroc"].to_numpy() == pytest.approx(cells["auroc"].to_numpy())


def test_steer_says_whether_the_direction_is_used(page, liar):
    store, run = liar
    settle(page)
    go(page, "Steer")
    fill(page, "Alphas", "1")
    fill(page, "Test questions", 4)
    fill(page, "Random directions", 2)
    page.get_by_role("button", name="Steer", exact=True).click()
    expect(page.get_by_text("Too few random directions to judge by")).to_be_visible(timeout=SLOW)
    settle(page)
    layer = round(DEFAULT_LAYER_SHARE * (store.run(run).facts["layers"] - 1))
    found = known_steering(store, run, SteerSettings(layer, alphas=(1.0,), n=4, random=2))
    expect(page.get_by_role("heading", name=found.sentence())).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_contain_text("alpha (typical state norms)")
    table = downloaded(page, "Figures as CSV")
    assert len(table) == len(found.curves)
    assert table["value"].to_numpy() == pytest.approx(found.curves["value"].to_numpy(), nan_ok=True)


def test_the_lie_score_without_flips_says_what_to_harvest(page, liar):
    store, run = liar
    settle(page)
    go(page, "Lie score")
    expect(page.get_by_text("No run has flips to judge lies against")).to_be_visible()
    page.get_by_role("button", name="Score the answers").click()
    expect(page.get_by_text("The score of each kind of answer")).to_be_visible(timeout=SLOW)
    settle(page)
    report = known_lie_score(store, run, LieScoreSettings())
    expect(page.get_by_role("heading", name=report.sentence)).to_be_visible()
    assert metric(page, "AUROC, lies from flips") == "–"
    refused = next(judged.refused for judged in report.judgements if judged.name == "flips")
    assert "--mode flip" in refused
    expect(page.locator(".js-plotly-plot").first).to_contain_text("not judged")


def test_the_lie_score_is_judged_on_flips_of_another_run(page, liar, flips):
    store, run = liar
    settle(page)
    go(page, "Lie score")
    page.get_by_role("button", name="Score the answers").click()
    expect(page.get_by_text("The score of each kind of answer")).to_be_visible(timeout=SLOW)
    settle(page)
    report = known_lie_score(store, run, LieScoreSettings(), flips)
    assert (report.scores["mode"] == "flip").any()
    expect(page.get_by_role("heading", name=report.sentence)).to_be_visible()
    assert metric(page, "AUROC, untrue from true") == untrue(report)
    judged, kinds = page.locator(".js-plotly-plot").nth(0), page.locator(".js-plotly-plot").nth(1)
    expect(judged).to_contain_text("chance 0.50")
    for kind in KINDS:
        n = (report.scores["kind"] == kind).sum()
        expect(kinds).to_contain_text(re.compile(rf"{kind}\s*n {n:,}(?![\d,])"))
    expect(page.get_by_test_id("stCode").first).to_contain_text(
        f"telltale lie-score {run} --flip-run {flips} --position prompt --layer-rule agreement"
    )
    scores = downloaded(page, "Scores as CSV")
    assert scores["score"].to_numpy() == pytest.approx(report.scores["score"].to_numpy())


def test_another_layer_and_centring_of_the_lie_score_are_there_at_once(page, liar, flips):
    store, run = liar
    settle(page)
    go(page, "Lie score")
    choose(page, "Layer", "0")
    choose(page, "Centring", "single")
    report = known_lie_score(store, run, LieScoreSettings(layer=0, centring="single"), flips)
    assert report.constant
    expect(page.get_by_text("here this is the same as none")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("heading", name=report.sentence)).to_be_visible()
    assert metric(page, "AUROC, untrue from true") == untrue(report)
    common = last_common_layer(store.run(run))
    expect(page.get_by_text(f"Up to layer {common} the model cannot differ")).to_be_visible()
    expect(page.get_by_role("button", name="Score the answers")).to_have_count(0)


def untrue(report: LieScoreReport) -> str:
    """The AUROC of untrue against true answers, as the page writes it."""
    return f"{next(judged for judged in report.judgements if judged.name == 'untrue').probe.auroc:.3f}"
