"""A person's first half-hour, in order: each test goes on from the run that the first one makes."""

import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from core.probes.read_or_said_of_run import known_read_or_said, last_common_layer
from core.store.decisions import DecisionStore
from core.store.judgements import JudgementStore
from core.store.runs import RunStore
from tests.browser.conftest import SLOW, choose, go, metric, settle
from tests.conftest import measure

QUESTIONS = 60


@pytest.fixture(scope="module")
def run(app_cache):
    """The id of the run that the first test started."""
    return lambda: RunStore(app_cache).runs()[0].run


def test_a_run_is_started_and_its_answers_arrive(page, run, app_cache):
    settle(page)
    page.get_by_label("How many (balanced)").fill(str(QUESTIONS))
    page.get_by_label("How many (balanced)").press("Enter")
    settle(page)
    expect(page.get_by_text(f"{QUESTIONS} questions in")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.get_by_role("button", name="Cancel").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"\b(32|60|92) of 120 answers")).first).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("120 of 120 answers").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW)
    frame = RunStore(app_cache).answers(run())
    honest = frame[(frame["mode"] == "honest") & frame["said"].notna()]
    assert len(frame) == 2 * QUESTIONS
    assert metric(page, "Honest accuracy") == f"{(honest['said'] == honest['label']).mean():.0%}"
    assert metric(page, "Gave a choice") == f"{frame['said'].notna().mean():.0%}"


def test_the_exact_prompt_is_shown_in_both_modes(page):
    settle(page)
    page.get_by_role("tab", name="Prompt").click()
    page.get_by_text("The exact prompt, token by token").click()
    choose(page, page.get_by_role("switch", name="Show it"), page.get_by_text("Show it", exact=True))
    expect(page.get_by_text(re.compile(r"^honest · \d+ tokens"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"^lie · \d+ tokens"))).to_be_visible()
    expect(page.get_by_text("<|im_start|>").first).to_be_visible()


def ask(page):
    """Put what is typed to the model, in both modes; again where the click fell into a drawing."""
    button = page.get_by_role("button", name="Ask", exact=True)
    said = page.get_by_text(re.compile(r"said: .*leans"))
    button.click()
    try:
        expect(page.get_by_role("button", name="Cancel").or_(said).first).to_be_visible(timeout=30_000)
    except AssertionError:
        button.click()
    expect(said).to_have_count(2, timeout=SLOW)


def test_one_thing_is_asked_in_both_modes(page):
    settle(page)
    page.get_by_label("Put to the model through the template").fill("A film of <b>rare</b> beauty.")
    page.get_by_label("Put to the model through the template").press("Enter")
    settle(page)
    ask(page)


def test_an_answer_is_dropped_by_keyboard_and_taken_back(page, run, app_cache):
    go(page, "Prune")
    expect(page.get_by_role("button", name="Drop all modes")).to_be_visible()
    assert metric(page, "Kept") == "120"
    page.get_by_text("Suggested because").first.click()
    page.keyboard.press("Escape")
    page.get_by_text("Reason of a drop").click()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept").first).to_contain_text("119")
    settle(page)
    assert len(DecisionStore(app_cache).current(run())) == 1
    page.keyboard.press("u")
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept").first).to_contain_text("120")
    page.keyboard.press("y")
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept").first).to_contain_text("119")
    page.reload()
    settle(page)
    expect(page.get_by_test_id("stMetric").filter(has_text="Kept").first).to_contain_text("119")
    page.get_by_text("Before and after", exact=True).click()
    expect(page.get_by_text("Logistic regression on truth, trained on honest")).to_be_visible(timeout=SLOW)


def test_the_layer_slider_moves_the_projection_and_a_box_picks_answers(page):
    go(page, "Projection")
    expect(page.get_by_text(re.compile(r"^Layer 16, position prompt: 120 of 120"))).to_be_visible()
    slider = page.get_by_role("slider", name=re.compile("^Layer"))
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    expect(page.get_by_text(re.compile(r"^Layer 19, position prompt"))).to_be_visible()
    settle(page)
    plot = page.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(plot["x"] + 5, plot["y"] + 5)
    page.mouse.down()
    for x, y in ((0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)):
        page.mouse.move(plot["x"] + x * plot["width"], plot["y"] + y * plot["height"], steps=5)
    page.mouse.up()
    expect(page.get_by_text(re.compile(r"^\d+ answers picked"))).to_be_visible()
    settle(page)
    go(page, "Probes")
    go(page, "Projection")
    expect(page.get_by_text(re.compile(r"^Layer 19, position prompt"))).to_be_visible()


def test_all_layers_are_computed_and_played(page):
    go(page, "Projection")
    compute = page.get_by_role("button", name="Compute PCA of all layers")
    compute.click()
    expect(compute).to_have_count(0, timeout=SLOW)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW)
    settle(page)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text(re.compile(r"^Layer 1[89], position prompt"))).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Pause").click()
    settle(page)
    page.get_by_text("All layers at a glance").click()
    page.get_by_text("Show them", exact=True).click()
    expect(page.get_by_text("layer 30", exact=True)).to_be_visible(timeout=SLOW)


def test_a_probe_is_cross_validated_and_then_judged_on_test(page, run, app_cache):
    from core.probes.cross_validated_of_run import known_cross_validated
    from core.probes.of_run import known_report
    from core.probes.rows import ProbeSettings

    store, settings = RunStore(app_cache), ProbeSettings(permutations=20)
    go(page, "Probes")
    null = page.get_by_role("spinbutton", name="Null")
    null.fill("20")
    null.press("Enter")
    settle(page)
    page.get_by_role("button", name="Cross-validate").click()
    expect(page.get_by_text("The test set is still closed")).to_be_visible(timeout=SLOW)
    settle(page)
    found = known_cross_validated(store, run(), settings, sealed=True)
    assert metric(page, "AUROC of truth, cross-validated") == f"{found.area.auroc:.3f}"
    expect(page.get_by_text(re.compile("probe, AUROC cross-validated")).first).to_be_visible()
    assert known_report(store, run(), settings) is None
    page.get_by_role("button", name="Judge on test").click()
    expect(page.get_by_text("Its worst mistakes")).to_be_visible(timeout=SLOW)
    settle(page)
    report = known_report(store, run(), settings)
    assert metric(page, f"AUROC of truth at layer {report.layer}") == f"{report.chosen.test.auroc:.3f}"
    expect(page.get_by_text(re.compile("probe, AUROC on test data")).first).to_be_visible()
    made = JudgementStore(app_cache).of(run())
    assert report.chosen.test.auroc in [entry.auroc for entry in made]
    expect(page.get_by_text(f"These test questions have judged {len(made)} configuration")).to_be_visible()


def test_a_probe_is_kept_by_name(page, run, app_cache):
    from core.probes.saved import SavedProbes

    name = "mine *not bold* <b>"
    go(page, "Probes")
    null = page.get_by_role("spinbutton", name="Null")
    null.fill("20")
    null.press("Enter")
    page.get_by_text("Keep this probe").click()
    box = page.get_by_role("textbox", name="Name", exact=True)
    box.fill(name)
    box.press("Enter")
    settle(page)
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text(name, exact=True)).to_be_visible(timeout=SLOW)
    store = RunStore(app_cache)
    assert SavedProbes(app_cache).of_model(store.run(run())) == [name]
    with page.expect_download() as taken:
        page.get_by_role("button", name="Export", exact=True).click()
    assert taken.value.suggested_filename.endswith(".safetensors")


def test_read_or_said_says_what_the_direction_follows(page, run, app_cache):
    go(page, "Read or said")
    page.get_by_label("Resamples").fill("20")
    page.get_by_label("Resamples").press("Enter")
    settle(page)
    page.get_by_role("button", name="Follow the direction").click()
    expect(page.get_by_text("The answers behind it")).to_be_visible(timeout=SLOW)
    store = RunStore(app_cache)
    found = known_read_or_said(store, run(), "prompt", 20)
    sentence = found.sentence(last_common_layer(store.run(run())))
    expect(page.get_by_role("heading", name=sentence)).to_be_visible()
    expect(page.get_by_text("β, standardised").first).to_be_visible()
    expect(page.get_by_text(re.compile("^AUROC, both modes pooled")).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Figures as CSV").click()
    table = pd.read_csv(download.value.path())
    known = found.to_frame()["beta_said"].to_numpy()  # none at layer 0: all prompts end in one token
    assert table["beta_said"].to_numpy() == pytest.approx(known, nan_ok=True)
    assert np.isfinite(known[1:]).all()


@pytest.fixture
def plain_run(app_cache):
    """A few answers of the plain model, gone again after the test."""
    chosen = ("--model", "smollm2-135m-instruct", "--data", "movie-reviews", "--n", 20)
    run = measure("harvest", *chosen, "--cache", app_cache).result["run"]
    yield run
    RunStore(app_cache).delete(run)


def test_tokens_warns_of_readings_that_rest_on_little(page, plain_run, address):
    page.goto(f"{address}/?run={plain_run}")
    go(page, "Tokens")
    expect(page.get_by_text("These readings are not to be trusted as they stand")).to_be_visible()


def test_tokens_shows_every_spelling(page):
    go(page, "Tokens")
    expect(page.get_by_text("' positive'").first).to_be_visible()
    expect(page.get_by_text("If only the first spelling of each choice were counted")).to_be_visible()
    expect(page.get_by_text("<|im_start|>").first).to_be_visible()


def test_statements_are_scored_and_hostile_text_stays_text(page):
    go(page, "Statements")
    fit = page.get_by_role("button", name="Fit the default probe")
    box = page.get_by_role("textbox", name="Statements, one a line")
    expect(fit.or_(box)).to_be_visible()
    if fit.count():
        fit.click()
    expect(box).to_be_visible(timeout=SLOW)
    box.fill(
        "Positive: A warm, funny and beautifully acted film.\n"
        "Negative: The plot makes <img src=x onerror=alert(1)> no sense.\n"
        "Q: Was it ![any](http://127.0.0.1:9/x.png) good? | A: Yes, [very](http://127.0.0.1:9)."
    )
    box.press("Control+Enter")
    settle(page)
    page.get_by_role("button", name="Score them").click()
    expect(page.get_by_text("Token by token, layer by layer")).to_be_visible(timeout=SLOW)
    settle(page)
    expect(page.get_by_text(re.compile("as read under honest: AUROC"))).to_be_visible()
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("a[href='http://127.0.0.1:9']").count() == 0


def test_the_question_of_a_pair_is_answered_by_the_model_itself_while_it_speaks(page):
    """It can be cancelled; whole, it stands beside the same statement read and forced."""
    question = "Write a long story ![any](http://127.0.0.1:9/x.png) about a dragon and a knight."
    go(page, "Statements")
    box = page.get_by_role("textbox", name="Statements, one a line")
    box.fill(f"Q: {question} | A: Yes, <b>very</b>.")
    box.press("Control+Enter")
    settle(page)
    page.get_by_role("button", name="Score them").click()
    expect(page.get_by_text("Token by token, layer by layer")).to_be_visible(timeout=SLOW)
    settle(page)
    most = page.get_by_role("spinbutton", name="Most tokens of an answer")
    most.fill("128")
    most.press("Enter")
    settle(page)
    page.get_by_role("button", name="Let it answer").click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.click()
    expect(page.get_by_text("Cancelled: what had been said stands.")).to_be_visible(timeout=SLOW)
    most.fill("6")
    most.press("Enter")
    settle(page)
    page.get_by_role("button", name="Let it answer").click()
    expect(page.get_by_text("Forced and its own words follow the same prompt")).to_be_visible(timeout=SLOW)
    expect(cancel).to_have_count(0, timeout=SLOW)
    settle(page)
    expect(page.get_by_text("Cancelled: what had been said stands.")).to_have_count(0)
    expect(page.get_by_text("token of the answer").first).to_be_visible()
    expect(page.get_by_text("No state at position prompt as the probe was trained on")).to_have_count(2)
    expect(page.get_by_text(question, exact=True).last).to_be_visible()
    assert page.locator("img[src='http://127.0.0.1:9/x.png']").count() == 0


def test_what_is_asked_is_scored_while_the_model_speaks(page):
    """Where a probe is fitted, in both modes, and where it was never trained it says so."""
    go(page, "Generate")
    box = page.get_by_label("Put to the model through the template")
    box.fill("A film of <b>rare</b> beauty.")
    box.press("Enter")
    settle(page)
    ask(page)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW)
    expect(page.get_by_text("The probe was trained at position")).to_be_visible()
    expect(page.get_by_text("No run of ordinary conversation with this model")).to_be_visible()
    expect(page.get_by_text("token of the answer").first).to_be_visible()


def test_an_upload_with_three_labels_is_refused_in_a_sentence(page):
    page.expected_boxes = ["exactly two"]
    settle(page)
    page.get_by_role("combobox", name="Questions").click()
    page.get_by_role("option", name="upload a table …").click()
    settle(page)
    page.locator("input[type=file]").set_input_files(
        {
            "name": "three.csv",
            "mimeType": "text/csv",
            "buffer": b"text,label\nfine film,pos\ndull film,neg\nodd film,meh\n",
        }
    )
    expect(page.get_by_text(re.compile("exactly two")).first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Start"))).to_have_count(0)


def test_an_upload_is_mapped_and_ready_to_start(page):
    settle(page)
    page.get_by_role("combobox", name="Questions").click()
    page.get_by_role("option", name="upload a table …").click()
    settle(page)
    rows = "".join(f"message {n} from <b>nobody</b>,{('ham', 'spam')[n % 2]}\n" for n in range(12))
    page.locator("input[type=file]").set_input_files(
        {"name": "mail.csv", "mimeType": "text/csv", "buffer": f"text,label\n{rows}".encode()}
    )
    expect(page.get_by_text("ham ↔ No, spam ↔ Yes")).to_be_visible()
    expect(page.get_by_text(re.compile("^12 questions in"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Start"))).to_be_visible()
