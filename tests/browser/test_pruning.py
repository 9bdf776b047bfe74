"""Pruning as a person does it: rules, the queue by keyboard, undo, before and after, a second person."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from core.labels import judge_answers
from core.pruning.apply import drops_of
from core.store.decisions import DecisionStore
from core.store.runs import RunStore
from tests.browser.conftest import SLOW, metric, open_page, settle, start_app

OUTCOME_RULE = "said the truth"


@pytest.fixture(scope="module")
def pruned(review_run, tmp_path_factory):
    """A copy of the run of 200 reviews, so that what is decided here is nobody else's."""
    folder, run = review_run
    copy = tmp_path_factory.mktemp("pruning") / "cache"
    shutil.copytree(folder, copy, symlinks=True)
    return copy, run


@pytest.fixture(scope="module")
def address(pruned):
    cache, run = pruned
    process, where = start_app(cache, cache / "app.log")
    yield f"{where}/?run={run}"
    process.terminate()
    process.wait(20)


@pytest.fixture
def page(chromium, address):
    page = open_page(chromium, address)
    page.get_by_role("link", name="Prune", exact=True).click()
    expect(page.get_by_role("button", name="Drop all modes")).to_be_visible(timeout=SLOW)
    settle(page)
    yield page
    boxes = page.evaluate("() => [...window.seenBoxes]")
    page.close()
    assert boxes == [] and page.problems == []


def part(page, name):
    page.get_by_role("radio", name=name, exact=True).or_(page.get_by_text(name, exact=True)).first.click()
    settle(page)


def press(page, key):
    page.keyboard.press(key)
    settle(page)


def shown_answer(page) -> int:
    return int(re.match(r"Answer (\d+)", page.get_by_text(re.compile(r"^Answer \d+ · mode")).inner_text())[1])


def actions(pruned):
    cache, run = pruned
    return {answer: made.action for answer, made in DecisionStore(cache).current(run).items()}


def until(page, holds) -> None:
    """Wait until something holds, on a machine of any speed."""
    for _ in range(SLOW // 250):
        if holds():
            return
        page.wait_for_timeout(250)
    assert holds()


def test_rules_queue_undo_before_and_after(page, pruned):
    cache, run = pruned
    judged = judge_answers(RunStore(cache).answers(run))
    quality = ["no choice given", "too little mass", "duplicate"]
    part(page, "Rules")
    page.get_by_text(OUTCOME_RULE, exact=True).click()
    settle(page)
    drops = {drop.answer: drop for drop in drops_of(judged, [*quality, OUTCOME_RULE], {})}
    page.get_by_role("button", name=f"Apply: drop {len(drops)} answers in one step").click()
    settle(page)
    until(page, lambda: actions(pruned) == dict.fromkeys(drops, "drop"))
    reaching = sum(drop.reaches_test for drop in drops.values())
    until(page, lambda: metric(page, "Dropped in training only") == str(len(drops) - reaching))
    press(page, "u")
    until(page, lambda: actions(pruned) == {} and metric(page, "Kept") == "400")
    press(page, "y")
    until(page, lambda: len(actions(pruned)) == len(drops))
    until(page, lambda: metric(page, "Kept") == str(400 - len(drops)))

    part(page, "Queue")
    first = shown_answer(page)
    assert first not in drops, "the queue begins with what this person has not decided"
    press(page, "k")
    until(page, lambda: shown_answer(page) != first)
    second = shown_answer(page)
    assert actions(pruned)[first] == "keep"
    press(page, "n")
    until(page, lambda: shown_answer(page) != second)
    press(page, "b")
    until(page, lambda: shown_answer(page) == second)
    press(page, "s")
    until(page, lambda: actions(pruned).get(second) == "unsure" and metric(page, "Unsure") == "1")
    until(page, lambda: shown_answer(page) != second)
    fourth = shown_answer(page)
    question = judged.loc[judged["answer"] == fourth, "question"].iloc[0]
    both = set(judged["answer"][judged["question"] == question])
    press(page, "a")
    until(page, lambda: len(both) == 2 and all(actions(pruned).get(answer) == "drop" for answer in both))
    press(page, "u")
    until(page, lambda: shown_answer(page) in both and fourth not in actions(pruned))
    settle(page)
    press(page, "d")
    until(page, lambda: actions(pruned).get(fourth) == "drop")
    assert all(made.blind for made in DecisionStore(cache).current(run).values())

    part(page, "Before and after")
    expect(page.get_by_text("Logistic regression on truth, trained on honest")).to_be_visible(timeout=SLOW)
    expect(
        page.get_by_text(re.compile("Answers dropped for their outcome count in these rates"))
    ).to_be_visible()


def test_a_second_person_judges_alone_and_is_compared(page, pruned):
    cache, run = pruned
    page.get_by_role("button", name="Name and margin").click()
    name = page.get_by_label("Decisions are signed")
    name.fill("ben")
    name.press("Enter")
    settle(page)
    page.keyboard.press("Escape")
    page.get_by_text("Suggested because").first.click()
    page.keyboard.press("Escape")
    settle(page)
    before = DecisionStore(cache).by_person(run)
    (ann,) = before
    expect(page.get_by_text("Your decision: undecided")).to_be_visible()
    press(page, "u")
    assert DecisionStore(cache).by_person(run) == before, "a person's undo leaves another's steps"
    DecisionStore(cache).decide(run, list(before[ann]), "unsure", "cannot tell", "ben", origin="queue")
    page.reload()
    settle(page)
    part(page, "People and trail")
    by_hand = [made for made in before[ann].values() if made.origin != "rules"]
    differ = sum(made.action != "unsure" for made in by_hand)
    assert differ
    expect(page.get_by_text(f"Disagreements · {differ}")).to_be_visible()


def test_where_a_class_is_gone_the_page_says_which_and_shows_what_can_still_be_computed(page, pruned):
    cache, run = pruned
    judged = judge_answers(RunStore(cache).answers(run))
    positive = judged["answer"][(judged["label"] == 1) & (judged["mode"] == "honest")].tolist()
    DecisionStore(cache).decide(run, positive, "drop", OUTCOME_RULE, "ann", origin="table")
    page.reload()
    settle(page)
    part(page, "Before and after")
    expect(
        page.get_by_text(re.compile("Of the training data, mode honest, the decisions leave"))
    ).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("Undo drops for")).first).to_be_visible()
    expect(page.get_by_text("the probe that was trained without any decision")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("Trained on all answers: n "))).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Answers dropped for their outcome count in these rates")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=SLOW)
