"""Elicit: the grid, the halving, figures over all answers, and a winner whose questions leave the run."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import sem
from scipy.stats import t as student

from core.cli import main, parser
from core.commands.elicit import elicit_settings
from core.data.question import Question
from core.data.sources import DataSettings, load_pool, load_questions
from core.elicit.defaults import default_templates
from core.elicit.figures import cell_figures, mean_with_interval
from core.elicit.grid import Cell, lay_out, shows_order
from core.elicit.halving import planned_answers, rung_sizes
from core.elicit.outcome import outcome_of, stored_outcome
from core.elicit.questions import elicit_questions, in_form
from core.elicit.report import turned_round, turned_sentence
from core.elicit.search import elicit, prepare, settings_of
from core.elicit.settings import MODES, ElicitSettings
from core.elicit.store import ElicitStore
from core.elicit.winner import harvest_command, is_proven, winner_settings
from core.engine.harvest import harvest
from core.engine.harvest import prepare as prepare_harvest
from core.engine.settings import HarvestSettings
from core.errors import DataError, StoreError, TemplateError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.modes import MODES as INSTRUCTIONS
from core.prompts.modes import common_wordings
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore
from tests.conftest import beside

REVIEW, TRUE_FALSE = BUILT_IN["review"], BUILT_IN["true-false"]
CHOICES = ("Negative", "Positive")


def settings(**changes):
    values = {"data": DataSettings("movie-reviews"), "templates": (REVIEW,), "wordings": (0, 1)}
    return ElicitSettings(**(values | changes))


def answers_of(quality, n):
    """Answers in which each cell obeys as often as asked, in both modes, evenly over the questions."""
    rows = []
    for cell, share in enumerate(quality):
        for number, mode in itertools.product(range(n), ("honest", "lie")):
            label, obeys = number % 2, int((number + 1) * share) > int(number * share)
            said = label if obeys == (mode == "honest") else 1 - label
            rows.append((cell, number, mode, 0, f"g{number}", label, float(said), 0.4, 0.4))
    names = ["cell", "number", "mode", "demo_set", "group", "label", "said", "p_0", "p_1"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


@pytest.fixture(scope="module")
def small(tiny):
    return settings(
        templates=(REVIEW, TRUE_FALSE),
        model=ModelSettings(str(tiny)),
        shots=(0, 2),
        system=(False,),
        orders=(0, 1),
        n=8,
        start=4,
    )


@pytest.fixture(scope="module")
def lab(cache, tmp_path_factory, loaded, small):
    """A cache with one finished elicitation of the tiny model."""
    folder = beside(cache, tmp_path_factory.mktemp("elicit"))
    prepared = prepare(small, loaded, folder)
    return folder, prepared, elicit(prepared, loaded, ElicitStore(folder))


@pytest.mark.parametrize(
    ("cells", "n", "start", "sizes"),
    [
        (1, 64, 16, (64,)),
        (2, 64, 16, (64,)),
        (4, 64, 16, (32, 64)),
        (32, 64, 16, (16, 32, 64)),
        (32, 64, 2, (4, 8, 16, 32, 64)),
        (9, 20, 4, (4, 6, 10, 20)),
        (64, 4, 2, (2, 4)),
    ],
)
def test_rungs_double_and_few_cells_begin_high(cells, n, start, sizes):
    assert rung_sizes(cells, n, start) == sizes


def test_halving_costs_far_less_than_the_whole_grid():
    sizes = rung_sizes(32, 64, 4)
    assert planned_answers(32, sizes, 2) == 2 * (32 * 4 + 16 * 4 + 8 * 8 + 4 * 16 + 2 * 32)
    assert planned_answers(32, sizes, 2) < 0.2 * (32 * 64 * 2)


def test_the_better_half_goes_on_and_the_best_wins():
    quality = (0.5, 0.25, 1.0, 0.75, 0.0, 0.5, 0.875, 0.25)
    cells = tuple(Cell(number, "review", "direct", 0, True) for number in range(8))
    outcome = outcome_of(settings(n=32, start=8), cells, answers_of(quality, 32))
    assert [rung.questions for rung in outcome.rungs] == [8, 16, 32]
    assert [len(rung.results) for rung in outcome.rungs] == [8, 4, 2]
    assert outcome.winner.number == 2 and outcome.winner.figures.score == 1.0
    assert outcome.winner.figures.honest_accuracy.n == 32
    assert {r.number for r in outcome.rungs[1].results} >= {2, 3, 6}
    assert sorted(r.number for r in outcome.standing) == list(range(8))
    assert [r.number for r in outcome.standing][:2] == [2, 6]


def test_a_rung_is_finished_only_when_every_cell_has_every_answer():
    cells = tuple(Cell(number, "review", "direct", 0, True) for number in range(4))
    whole = answers_of((1.0, 0.5, 0.5, 0.0), 16)
    part = whole[~((whole["cell"] == 3) & (whole["number"] == 7) & (whole["mode"] == "lie"))]
    grid = settings(n=16, start=4)
    assert outcome_of(grid, cells, part).rungs == ()
    assert outcome_of(grid, cells, part).next_cells == (0, 1, 2, 3)
    assert outcome_of(grid, cells, part[:0]).winner is None
    assert outcome_of(grid, cells, whole).winner.number == 0


def test_an_unreadable_answer_is_a_failure_in_both_modes():
    frame = answers_of((1.0,), 10)
    frame.loc[frame["number"] < 4, "said"] = np.nan
    found = cell_figures(frame)
    assert found.honest_accuracy.value == found.lie_rate.value == pytest.approx(0.6)
    assert found.readable.value == pytest.approx(0.6) and found.readable.n == 20
    assert found.honest_accuracy.low < 0.6 < found.honest_accuracy.high
    assert found.mass.value == pytest.approx(0.8)


def test_a_cell_that_always_says_the_same_scores_a_half_and_proves_nothing():
    frame = answers_of((1.0,), 40).assign(said=1.0)
    found = cell_figures(frame)
    assert found.score == 0.5
    cells = (Cell(0, "review", "direct", 0, True),)
    assert not is_proven(outcome_of(settings(n=40), cells, frame).winner)
    assert is_proven(outcome_of(settings(n=40), cells, answers_of((1.0,), 40)).winner)


def test_the_interval_of_a_mean_is_students_where_groups_are_single():
    values = pd.Series([0.1, 0.4, 0.5, 0.9, 0.7])
    found = mean_with_interval(values, pd.Series(list("abcde")))
    half = student.ppf(0.975, 4) * sem(values)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))
    together = mean_with_interval(pd.concat([values, values]), pd.Series(list("abcdeabcde")))
    assert together.high - together.low == pytest.approx(found.high - found.low)
    alone = mean_with_interval(values, pd.Series(list("aaaaa")))
    assert (alone.low, alone.high) == (0.0, 1.0)


def test_what_does_not_fit_is_left_out_by_name():
    grid = settings(templates=(REVIEW, TRUE_FALSE), wordings=(0, 7, 999), form="direct", shots=(0,))
    cells, unfit = lay_out(grid, CHOICES, shows_system=True)
    assert {cell.template for cell in cells} == {"review"}
    assert [(cell.wording, cell.system) for cell in cells] == [(0, True), (0, False), (7, False)]
    told = {entry.what: entry.why for entry in unfit}
    assert "direct form" in told["template true-false"]
    assert f"0 to {len(INSTRUCTIONS['honest'].wordings) - 1}, not 999" in told["wording 999"]
    assert "system role of wording 7" in told


def test_a_template_that_needs_claims_asks_claims_by_itself():
    cells, unfit = lay_out(settings(templates=(REVIEW, TRUE_FALSE)), CHOICES, shows_system=True)
    assert {(cell.template, cell.form) for cell in cells} == {("review", "direct"), ("true-false", "claim")}
    assert unfit == []


def test_a_model_without_a_system_role_is_asked_once():
    cells, unfit = lay_out(settings(), CHOICES, shows_system=False)
    assert [cell.system for cell in cells] == [False, False]
    assert [entry.what for entry in unfit] == ["system role"]


def test_choice_orders_are_cells_and_a_template_with_an_order_of_its_own_is_asked_once():
    grid = settings(templates=(REVIEW, BUILT_IN["letters"]), wordings=(0,), system=(False,), orders=(0, 1))
    cells, unfit = lay_out(grid, CHOICES, shows_system=True)
    assert [(cell.template, cell.order) for cell in cells] == [("review", 0), ("review", 1), ("letters", 0)]
    assert [entry.what for entry in unfit] == ["choice order of template letters"]
    assert [cell.offers for cell in cells[:2]] == ["positive first", "negative first"]
    turned, unfit = lay_out(replace(grid, orders=(1,)), CHOICES, shows_system=True)
    assert [(cell.template, cell.order) for cell in turned] == [("review", 1), ("letters", 0)]
    assert [entry.what for entry in unfit] == ["choice order of template letters"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_template_shows_the_order_exactly_where_its_text_depends_on_it(name):
    template = BUILT_IN[name]
    question = Question("q", "Fine.", 1, ("False", "True"), "made", "g", claim="True")
    assert shows_order(template) == (template.fill(question, 0) != template.fill(question, 1))


def test_the_winners_order_goes_to_the_run_and_the_command(lab, small):
    folder, prepared, outcome = lab
    record = ElicitStore(folder).elicitation(prepared.elicitation)
    for order, flag in ((0, False), (1, True)):
        cell = replace(outcome.winner.cell, order=order)
        assert settings_of(small, cell).orders == (order,)
        best = replace(outcome.rungs[-1].results[0], cell=cell)
        last = replace(outcome.rungs[-1], results=(best, *outcome.rungs[-1].results[1:]))
        run = winner_settings(record, replace(outcome, rungs=(*outcome.rungs[:-1], last)))
        assert run.orders == (order,) and ("--order 1" in harvest_command(run)) == flag


def test_the_other_order_of_the_winner_is_shown_beside_it():
    cells = tuple(Cell(w, "review", "direct", 0, True, order) for w in (0, 1) for order in (0, 1))
    outcome = outcome_of(settings(n=16, start=4), cells, answers_of((0.5, 1.0, 0.25, 0.75), 16))
    turned = turned_round(outcome, outcome.winner)
    assert outcome.winner.cell.order == 1 and turned.cell == cells[0]
    said = turned_sentence(outcome, turned)
    assert "positive first" in said and "honest accuracy 0.50 (" in said and "n 8 a mode" in said
    assert turned_round(outcome_of(settings(n=16), cells[:1], answers_of((1.0,), 16)), turned) is None


def test_elicitations_from_before_there_were_orders_are_read_and_found():
    old = settings().to_dict()
    del old["orders"]
    assert ElicitSettings.from_dict(old) == settings() and settings().orders == (0,)
    assert Cell(**{"wording": 0, "template": "t", "form": "direct", "shots": 0, "system": True}).order == 0


def test_a_grid_in_which_nothing_fits_is_refused():
    with pytest.raises(TemplateError, match="no cell of the grid fits"):
        lay_out(settings(wordings=(999,)), CHOICES, shows_system=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"templates": ()}, "at least one template"),
        ({"wordings": (1, 1)}, "stands twice"),
        ({"n": 8, "start": 16}, "ask more, or start with fewer"),
        ({"shots": (-1,)}, "0 or more"),
        ({"demo_answers": "both"}, "truth, mode, random"),
        ({"form": "verse"}, "unknown form"),
        ({"orders": (2,)}, "choice orders are 0"),
        ({"orders": ()}, "choice order"),
        ({"data": DataSettings("open-cities")}, "own words"),
    ],
)
def test_a_senseless_grid_is_refused(changes, message):
    with pytest.raises(TemplateError, match=message):
        settings(**changes)


def test_settings_come_back_from_json():
    grid = settings(shots=(0, 4), system=(False,), orders=(1, 0), demo_answers="random")
    assert ElicitSettings.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid


@pytest.mark.parametrize("source", ["movie-reviews", "cities"])
def test_every_rung_balances_and_most_groups_stay_for_the_run(cache, source):
    grid = settings(data=DataSettings(source), n=32)
    found = elicit_questions(cache, grid)
    whole = load_pool(cache, DataSettings(source))
    for size in (4, 8, 16, 32):
        assert sum(q.label for q in found[:size]) == size / 2
    used = {q.group for q in found}
    assert sum(q.group in used for q in whole) <= 0.3 * len(whole)
    assert found == elicit_questions(cache, grid)


def test_claims_balance_within_every_block_of_four(cache):
    direct = elicit_questions(cache, settings(n=16))
    claims = in_form(direct, "claim", 0)
    assert [q.text for q in claims] == [q.text for q in direct]
    for start in range(0, 16, 4):
        block = list(zip(direct, claims, strict=True))[start : start + 4]
        assert sum(claim.label for _, claim in block) == 2
        assert {(q.label, claim.label) for q, claim in block} == set(itertools.product((0, 1), (0, 1)))


def test_a_search_ends_with_a_winner_and_is_not_made_twice(lab, loaded, small):
    folder, prepared, outcome = lab
    store = ElicitStore(folder)
    assert outcome.winner is not None and len(prepared.cells) == 2 * 2 * 2 * 2
    planned = planned_answers(16, outcome.sizes, 2)
    assert store.made(prepared.elicitation) == planned
    seen = []
    again = prepare(small, loaded, folder)
    assert again.elicitation == prepared.elicitation
    assert elicit(again, loaded, store, progress=seen.append) == outcome and seen == []
    record = store.elicitation(prepared.elicitation)
    assert record.ended is not None
    assert stored_outcome(record, store.answers(record.elicitation)) == outcome


def test_a_search_that_is_cut_off_goes_on_where_it_stopped(cache, tmp_path, loaded, small, lab):
    store, prepared = ElicitStore(beside(cache, tmp_path)), lab[1]
    calls = []
    cut = elicit(
        prepared, loaded, store, progress=lambda s: calls.append(s.done), cancelled=lambda: len(calls) > 5
    )
    assert cut.winner is None and 0 < store.made(prepared.elicitation) == calls[-1]
    before = store.answers(prepared.elicitation)
    rest = []
    whole = elicit(prepared, loaded, store, progress=lambda s: rest.append(s.done))
    assert whole == lab[2] and rest[0] > calls[-1]
    kept = store.answers(prepared.elicitation).merge(before)
    assert len(kept) == len(before)


def test_a_cell_answers_as_a_harvest_with_its_settings_does(cache, tmp_path, loaded, small, lab):
    folder, prepared, _ = lab
    number = next(
        n
        for n, cell in enumerate(prepared.cells)
        if cell.shots == 2 and cell.form == "claim" and cell.order == 1
    )
    cell = prepared.cells[number]
    questions = prepared.questions[cell.form][:4]
    made = prepare_harvest(
        settings_of(small, cell),
        loaded,
        folder,
        questions=questions,
        pool=[demo for demos in prepared.plans[number].demonstrations for demo in demos],
    )
    object.__setattr__(made.plan, "demonstrations", prepared.plans[number].demonstrations)
    store = RunStore(beside(cache, tmp_path))
    harvest(made, loaded, store)
    theirs = store.answers(made.run).set_index(["question", "mode", "demo_set"])
    assert (theirs["order"] == 1).all()
    mine = ElicitStore(folder).answers(prepared.elicitation)
    mine = mine[(mine["cell"] == number) & (mine["number"] < 4)]
    assert len(mine) == 8
    for row in mine.itertuples():
        other = theirs.loc[(questions[row.number].id, row.mode, row.demo_set)]
        assert row.generated == other["generated"] and row.label == other["label"]
        assert (row.p_0, row.p_1) == pytest.approx((other["p_0"], other["p_1"]), rel=1e-3)


def test_the_questions_that_picked_the_winner_leave_its_run(lab, small):
    folder, prepared, outcome = lab
    store = ElicitStore(folder)
    run = winner_settings(store.elicitation(prepared.elicitation), outcome, n=40)
    assert run.data.left_out == prepared.elicitation and run.modes == ("honest", "lie")
    assert HarvestSettings.from_dict(run.to_dict()) == run
    used = {q.group for q in next(iter(prepared.questions.values()))}
    used |= {d.group for plan in prepared.plans for demos in plan.demonstrations for d in demos}
    whole = load_pool(folder, DataSettings("movie-reviews"))
    left = load_pool(folder, run.data)
    assert {q.group for q in left} == {q.group for q in whole} - used
    assert len(load_questions(folder, run.data)) == 40
    assert prepared.elicitation in harvest_command(run)


def test_a_text_that_was_used_leaves_another_files_group_too(lab, tmp_path):
    folder, prepared, _ = lab
    text = next(iter(prepared.questions.values()))[0].text
    near = text + " " + text.split()[0]
    rows = [
        (text.upper(), "pos"),
        (near, "neg"),
        ("A dull and endless evening.", "neg"),
        ("Fine play!", "pos"),
    ]
    path = tmp_path / "mine.csv"
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)
    left = load_questions(folder, DataSettings(str(path), left_out=prepared.elicitation))
    assert {q.text for q in left} == {"A dull and endless evening.", "Fine play!"}


def test_an_elicitation_that_is_not_there_is_refused(cache, tmp_path):
    folder = beside(cache, tmp_path)
    with pytest.raises(StoreError, match="no elicitation 'gone'"):
        load_questions(folder, DataSettings("movie-reviews", n=4, left_out="gone"))


def test_more_questions_than_there_are_is_refused(cache, loaded):
    with pytest.raises(DataError, match="balanced sample of 100000"):
        prepare(settings(n=100_000, model=loaded.settings), loaded, cache)


def test_the_command_finds_a_winner_and_the_run_leaves_its_questions_out(lab, tiny, capsys):
    folder, _, _ = lab
    asked = ["--data", "movie-reviews", "--model", str(tiny), "--cache", str(folder), "--json"]
    grid = ["--wording", "0", "--wording", "999", "--shots", "0", "--n", "4", "--start", "4", "--no-system"]
    grid += ["--order", "1"]
    assert main(["elicit", *grid, "--template", "review", *asked]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["winner"]["template"] == "review" and found["made"] == 8
    assert found["winner"]["honest_accuracy"]["n"] == 4 and not found["winner"]["system"]
    assert [entry["what"] for entry in found["unfit"]] == ["wording 999"]
    assert found["winner"]["order"] == 1 and "--order 1" in found["winner"]["command"]
    assert main(["elicit", *grid, "--template", "review", *asked]) == 0
    assert json.loads(capsys.readouterr().out) == found | {"made": 0}
    assert main(["harvest", "--n", "6", "--left-out", found["elicitation"], *asked]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    store = RunStore(folder)
    groups, _ = ElicitStore(folder).used(found["elicitation"])
    assert not set(store.answers(run)["group"]) & groups
    assert main(["runs", "show", run, "--cache", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == found["elicitation"]


def test_the_usual_grid_tries_a_few_of_the_many_wordings(cache):
    options = parser().parse_args(["elicit", "--data", "movie-reviews"])
    templates = default_templates(CHOICES)
    usual = elicit_settings(cache, options, DataSettings("movie-reviews"), ModelSettings("m"), templates)
    assert (
        usual.orders == (0, 1)
        and usual.wordings == (0, 1, 2, 3)
        and len(common_wordings(MODES)) > 10 * len(usual.wordings)
    )
    cells, _ = lay_out(usual, CHOICES, shows_system=True)
    sizes = rung_sizes(len(cells), usual.n, usual.start)
    assert planned_answers(len(cells), sizes, len(MODES)) <= 3000


def test_the_command_refuses_in_one_line(lab, tiny, capsys):
    asked = ["--data", "movie-reviews", "--model", str(tiny), "--cache", str(lab[0])]
    assert main(["elicit", "--n", "4", *asked]) == 2
    assert "ask more, or start with fewer" in capsys.readouterr().err
    assert main(["harvest", "--n", "6", "--left-out", "nothing", *asked]) == 2
    assert capsys.readouterr().err.startswith("telltale: there is no elicitation 'nothing'")


def test_table_and_heat_map_show_each_judged_cell_once_with_its_own_n():
    from core import charts
    from core.charts.elicit import FADED, VIRIDIS
    from dashboard.elicit_results import map_frame, table

    cells = tuple(Cell(w, "review", "direct", s, True) for w in (0, 1) for s in (0, 2))
    outcome = outcome_of(settings(n=16, start=4), cells, answers_of((0.5, 1.0, 0.25, 0.75), 16))
    shown = table(outcome)
    fates = ["winner", "last rung", "halved away after 8", "halved away after 8"]
    assert list(shown["what became of it"]) == fates
    assert list(shown["n a mode"]) == [16, 16, 8, 8] and list(shown["n both"]) == [32, 32, 16, 16]
    figure = charts.elicit_heat_map(map_frame(outcome, "lie_rate"), "lie rate")
    whole, faded = figure.data
    assert np.isfinite(whole.z.astype(float)).sum() == np.isfinite(faded.z.astype(float)).sum() == 2
    assert [[colour for _, colour in heat.colorscale] for heat in figure.data] == [VIRIDIS, FADED]
    assert len(figure.layout.shapes) == 1
    assert {text for text in whole.text.ravel() if text} == {"1.00<br>n 16", "0.75<br>n 16"}
    assert figure.layout.xaxis.title.text and figure.layout.yaxis.title.text
