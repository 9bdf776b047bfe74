"""From a grid to a run: the winner's settings are handed over, and its questions are not asked again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.elicit.outcome import stored_outcome
from core.elicit.store import ElicitStore
from core.prompts.modes import wording_of
from core.store.runs import RunStore
from dashboard.model_panel import PLAIN
from tests.browser.conftest import SLOW, go, metric, open_page, settle, start_app
from tests.conftest import beside


@pytest.fixture(scope="module")
def folder(cache, tmp_path_factory):
    """A cache of this module's own, so that no other test meets its runs."""
    return beside(cache, tmp_path_factory.mktemp("elicit-app"))


@pytest.fixture(scope="module")
def window(chromium, folder) -> Iterator[Page]:
    """One window for all tests: each goes on where the one before stopped. No error box may appear."""
    process, address = start_app(folder, folder / "app.log")
    page = open_page(chromium, address)
    yield page
    boxes = page.evaluate("() => [...window.seenBoxes]")
    page.close()
    process.terminate()
    process.wait(20)
    assert boxes == [] and page.problems == []


def fill(page: Page, label: str, value: int) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    settle(page)


def remove(page: Page, label: str, name: str) -> None:
    """Take one chosen option out of a multiselect."""
    page.get_by_test_id("stMultiSelect").filter(has_text=label).get_by_label(
        re.compile(f"^Remove {re.escape(name)}")
    ).last.dispatch_event("click")
    settle(page)


def test_a_tiny_grid_is_elicited_to_its_winner(window, folder):
    settle(window)
    window.get_by_label("Model", exact=True).click()
    window.get_by_role("option", name=PLAIN).click()
    settle(window)
    go(window, "Elicit")
    expect(window.get_by_text("Nothing was elicited yet")).to_be_visible(timeout=SLOW)
    remove(window, "Templates", "review-statement")
    remove(window, "Few-shot examples", "2")
    remove(window, "The instruction stands in", "user's turn")
    fill(window, "Smallest rung (n)", 4)
    fill(window, "Last rung (n)", 8)
    expect(
        window.get_by_text("8 cells: 8 on 4, then 4 on 8 questions in both modes. 96 answers")
    ).to_be_visible(timeout=SLOW)
    window.get_by_role("button", name="Elicit", exact=True).click()
    expect(window.get_by_role("button", name="Use these settings")).to_be_visible(timeout=SLOW)
    expect(window.get_by_text("The winner's own figures are optimistic")).to_be_visible(timeout=SLOW)
    expect(window.get_by_text("The same with the other choice order")).to_be_visible(timeout=SLOW)
    store = ElicitStore(folder)
    (record,) = store.elicitations()
    assert store.made(record.elicitation) == 96
    winner = stored_outcome(record, store.answers(record.elicitation)).winner
    settle(window)
    assert metric(window, "Lie rate") == f"{winner.figures.lie_rate.value:.0%}"
    expect(window.get_by_text("halved away on fewer questions")).to_be_visible(timeout=SLOW)
    expect(window.locator(".js-plotly-plot").first).to_contain_text("wording (honest / lie)")


def test_a_finished_elicitation_is_found_and_not_made_again(window, folder):
    record = ElicitStore(folder).elicitations()[0]
    window.get_by_role("button", name="Elicit", exact=True).click()
    settle(window)
    expect(window.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW)
    # While the page is drawn anew, the button of before and the one of now can both be there.
    expect(window.get_by_role("button", name="Use these settings")).to_have_count(1, timeout=SLOW)
    assert ElicitStore(folder).elicitations() == [record]


def test_the_winner_is_used_and_its_questions_leave_the_run(window, folder):
    store = ElicitStore(folder)
    (record,) = store.elicitations()
    winner = stored_outcome(record, store.answers(record.elicitation)).winner
    window.get_by_role("button", name="Use these settings").click()
    expect(window.get_by_role("button", name=re.compile("^Start"))).to_be_visible(timeout=SLOW)
    settle(window)
    groups, _ = store.used(record.elicitation)
    leaves = f"Leaves out {len(groups)} groups of questions that elicitation {record.elicitation} used"
    expect(window.get_by_text(leaves)).to_be_visible(timeout=SLOW)
    fill(window, "How many (balanced)", 8)
    window.get_by_role("tab", name="Prompt").click()
    lie = wording_of("lie", winner.cell.wording).text
    expect(
        window.get_by_test_id("stMultiSelect").filter(has_text="Wordings of the instruction")
    ).to_contain_text(lie)
    expect(window.get_by_label("Few-shot examples")).to_have_value("0", timeout=SLOW)
    window.get_by_role("button", name=re.compile("^Start")).click()
    expect(window.get_by_text("16 of 16 answers").first).to_be_visible(timeout=SLOW)
    run = RunStore(folder).runs()[0]
    assert run.settings["data"]["left_out"] == record.elicitation
    assert run.settings["wordings"] == [winner.cell.wording]
    assert run.settings["orders"] == [winner.cell.order]
    assert not set(RunStore(folder).answers(run.run)["group"]) & groups
    expect(window.get_by_text(f"Leaves out the questions of elicitation {record.elicitation}")).to_be_visible(
        timeout=SLOW
    )


def test_examples_are_answered_by_a_named_way(window):
    window.get_by_role("tab", name="Prompt").click()
    fill(window, "Few-shot examples", 2)
    expect(window.get_by_role("spinbutton", name="Sets of examples")).to_have_value("3", timeout=SLOW)
    ways = window.get_by_role("radiogroup", name="Examples are answered")
    expect(ways.get_by_role("radio", name="truly in every mode")).to_be_checked()
    expect(window.get_by_text("Overthinking the truth")).to_be_visible(timeout=SLOW)
