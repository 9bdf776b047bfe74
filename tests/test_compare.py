"""Two runs compared: planted differences are found, none is shown where there is none, intervals cover."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from core.charts.compare import figures_beside, layers_beside
from core.cli import main
from core.compare.behaviour import INSTRUCTED, KNOWS, LIES, MASS, OUTPUT, READABLE, to_frame
from core.compare.estimate import auroc_of, difference, mean, share
from core.compare.judged import judged_beside
from core.compare.of_runs import compare_probes, compare_said, known_compared_probes
from core.compare.pairing import pair_questions
from core.compare.settings import settings_beside
from core.errors import ProbeError, StoreError
from core.labels import mode_summary
from core.labels_of_run import judged, labelled
from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.metrics import area, influence, margin
from core.probes.rows import ProbeSettings
from core.prompts.templates import BUILT_IN
from core.pruning.effect import rates
from core.store.decisions import DecisionStore
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.runs import RunStore
from tests.shift_runs import store_run

USUAL = ProbeSettings(permutations=0)
GROUPS, EACH, TIMES = 60, 3, 400


def covered(draw, truth):
    """Of many seeded draws the share whose interval of the difference holds the truth."""
    generator = np.random.default_rng(7)
    found = [draw(generator) for _ in range(TIMES)]
    return np.mean([low <= truth <= high for low, high in (apart.ci for apart in found)])


def hard(generator):
    """How hard each group of questions is, and the group of each answer."""
    return generator.normal(size=GROUPS), np.repeat(np.arange(GROUPS), EACH)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("threshold", "other"), [(-0.5, 0.3), (-1.9, -1.9)])
def test_the_interval_of_two_shares_covers_at_its_nominal_rate(paired, threshold, other):
    spread = np.sqrt(2)

    def right(generator, how_hard, groups, above):
        return (how_hard[groups] + generator.normal(size=len(groups)) > above).astype(float)

    def draw(generator):
        (first, groups), (second, _) = hard(generator), hard(generator)
        one = share(right(generator, first, groups, threshold), groups, 2 * GROUPS)
        places = groups if paired else groups + GROUPS
        two = share(right(generator, first if paired else second, groups, other), places, 2 * GROUPS)
        return difference(one, two)

    truth = norm.sf(threshold / spread) - norm.sf(other / spread)
    assert 0.925 <= covered(draw, truth) <= 0.98


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_of_two_aurocs_covers_at_its_nominal_rate(paired):
    label = np.repeat(np.arange(GROUPS) % 2, EACH)

    def draw(generator):
        (first, groups), (second, _) = hard(generator), hard(generator)
        noise = generator.normal(size=(2, len(groups)))
        one = auroc_of(label, 1.6 * label + first[groups] + noise[0], groups, 2 * GROUPS)
        places = groups if paired else groups + GROUPS
        two = auroc_of(
            label, 0.8 * label + (first if paired else second)[groups] + noise[1], places, 2 * GROUPS
        )
        return difference(one, two)

    truth = norm.cdf(1.6 / 2) - norm.cdf(0.8 / 2)
    assert 0.925 <= covered(draw, truth) <= 0.98


def test_pairing_makes_the_interval_narrower_and_leaves_the_difference():
    generator = np.random.default_rng(1)
    how_hard, groups = hard(generator)
    values = [(how_hard[groups] + generator.normal(size=len(groups)) > 0).astype(float) for _ in range(2)]
    one, two, apart = (
        share(v, g, 2 * GROUPS)
        for v, g in zip([*values, values[1]], [groups, groups, groups + GROUPS], strict=True)
    )
    paired, unpaired = difference(one, two), difference(one, apart)
    assert paired.value == unpaired.value and unpaired.correlation == 0 < paired.correlation
    assert paired.ci[1] - paired.ci[0] < 0.85 * (unpaired.ci[1] - unpaired.ci[0])


def test_unpaired_shares_have_newcombes_interval():
    """The first row of Newcombe 1998, "Interval estimation for the difference", table II, method 10."""
    first, second = np.repeat([1.0, 0.0], [56, 14]), np.repeat([1.0, 0.0], [48, 32])
    one = share(first, np.arange(70), 150)
    two = share(second, 70 + np.arange(80), 150)
    assert difference(one, two).value == pytest.approx(0.2)
    assert difference(one, two).ci == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_two_figures_that_never_differ_are_said_to_be_within_what_so_many_groups_can_tell():
    groups = np.repeat(np.arange(40), 3)
    for values in (np.repeat([0.0, 1.0], 60), np.ones(120)):
        apart = difference(share(values, groups, 40), share(values, groups, 40))
        assert apart.value == 0 and apart.ci == pytest.approx((-0.0876, 0.0876), abs=1e-4)


def test_the_difference_of_aurocs_agrees_with_the_margin_on_the_same_answers():
    generator = np.random.default_rng(2)
    groups, label = np.repeat(np.arange(80), 2), np.repeat(np.arange(80) % 2, 2)
    one, two = (label * strength + generator.normal(size=160) for strength in (0.9, 0.5))
    apart = difference(auroc_of(label, one, groups, 80), auroc_of(label, two, groups, 80))
    known = margin(label, one, two, groups)
    assert apart.value == pytest.approx(known.value)
    assert apart.ci == pytest.approx(known.ci, abs=0.02)


def test_the_influences_of_an_auroc_sum_up_to_its_variance():
    generator = np.random.default_rng(3)
    label = np.arange(400) % 2
    scores = label * 0.7 + generator.normal(size=400)
    found, of = area(label, scores, np.arange(400)), influence(label, scores, np.arange(400), 400)
    logit = np.log(found.auroc / (1 - found.auroc))
    half = np.log(found.ci[1] / (1 - found.ci[1])) - logit
    error = half / 1.959964 * found.auroc * (1 - found.auroc)
    assert np.sqrt(of @ of) == pytest.approx(error, rel=0.01) and of.sum() == pytest.approx(0, abs=1e-9)


def test_a_mean_and_its_difference_are_those_of_the_values():
    one = mean(np.linspace(0.2, 0.8, 20), np.arange(20), 40)
    two = mean(np.linspace(0.7, 1.0, 20), 20 + np.arange(20), 40)
    apart = difference(one, two)
    assert apart.value == pytest.approx(-0.35) and apart.ci[0] < -0.35 < apart.ci[1] < 0


def asked(questions, groups):
    return pd.DataFrame({"source": "made", "question": questions, "group": groups})


def test_groups_of_a_shared_question_are_one_cluster_whatever_they_are_called():
    first = asked(["a", "b", "c"], ["g1", "g1", "g2"])
    second = asked(["b", "c", "d"], ["x", "y", "g2"])
    pairing = pair_questions(first, second)
    assert (pairing.one, pairing.other, pairing.shared, pairing.kind) == (3, 3, 2, "partly paired")
    mine, theirs = pairing.of(0, first["group"]), pairing.of(1, second["group"])
    assert mine[0] == mine[1] == theirs[0] and mine[2] == theirs[1]
    assert theirs[2] not in mine and pairing.count == 3
    assert pair_questions(first, first).kind == "paired"
    assert pair_questions(first, asked(["z"], ["g1"])).kind == "unpaired"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Planted runs of the same questions: the truth is clear in the states of one, and gone in another's."""
    found = RunStore(tmp_path_factory.mktemp("compare"))
    store_run(found, "clear-run", "plain", {3: 1.5}, 1)
    store_run(found, "again-run", "upper", {3: 1.5}, 2)
    store_run(found, "lost-run", "typos", {}, 3, template=BUILT_IN["review-statement"], content="another")
    return found


def rows_of(store, run, other):
    return {(row.what, row.mode): row for row in compare_said(store, run, other).figures}


def test_each_runs_shares_are_those_that_the_program_shows_elsewhere(store):
    frame, rows = labelled(store, "clear-run"), rows_of(store, "clear-run", "lost-run")
    for mode in ("honest", "lie"):
        known, found = mode_summary(frame, mode), rows[INSTRUCTED, mode].one
        assert (found.value, list(found.ci), found.n) == (
            known["as_instructed"],
            known["ci"],
            known["readable"],
        )
    assert rows[LIES, "lie"].one.value == mode_summary(frame, "lie")["lies"]
    assert (LIES, "honest") not in rows and (KNOWS, "honest") in rows
    assert rows[READABLE, "lie"].difference.value == 0
    assert rows[MASS, "honest"].one.value == 1 and rows[OUTPUT, "honest"].one.value == 0.5


def test_runs_that_say_the_same_differ_by_nothing(store):
    table = to_frame(compare_said(store, "clear-run", "again-run").figures)
    assert (table["difference"] == 0).all() and ((table["low"] < 0) & (table["high"] > 0)).all()


def test_a_probe_is_compared_layer_by_layer_with_the_test_questions_closed(store):
    found = compare_probes(store, "clear-run", "lost-run", USUAL)
    assert known_compared_probes(store, "clear-run", "lost-run", USUAL) == found
    assert found.differences[1].value > 0.3 and found.differences[1].is_clear
    assert not found.differences[2].is_clear and found.chosen.is_clear
    own = cross_validated_run(store, "clear-run", USUAL, sealed=True)
    assert found.one.by_layer[1].value == pytest.approx(own.by_layer[1].auroc)
    assert (found.one.layers, found.one.chosen.ci) == (own.layers, own.area.ci)
    assert not JudgementStore(store.cache).of("clear-run")
    table = found.to_frame()
    assert list(table["layer"]) == [0, 1, 2]
    assert table["difference"].to_list() == [apart.value for apart in found.differences]


def test_two_runs_in_which_the_truth_is_as_clear_do_not_differ_clearly(store):
    found = compare_probes(store, "clear-run", "again-run", USUAL)
    assert found.one.by_layer[1].value > 0.9 and found.other.by_layer[1].value > 0.9
    assert not found.differences[1].is_clear and not found.chosen.is_clear


def test_a_mode_that_a_run_lacks_is_refused(store):
    with pytest.raises(ProbeError, match="no mode 'flip'"):
        compare_probes(store, "clear-run", "lost-run", ProbeSettings(test="flip", permutations=0))


def test_a_run_with_itself_is_after_and_before_pruning(tmp_path):
    store = RunStore(tmp_path)
    store_run(store, "pruned-run", "plain", {3: 1.5}, 1)
    frame = judged(store, "pruned-run")
    wrong = frame.loc[frame["mode"] == "honest", "answer"].tolist()[:30]
    DecisionStore(tmp_path).decide("pruned-run", wrong, "drop", "other", "ann")
    rows = rows_of(store, "pruned-run", "pruned-run")
    known = rates(frame, labelled(store, "pruned-run"))
    known = known[(known["rate"] == "honest accuracy") & (known["questions"] == "all")]
    shares, numbers = known.set_index("decisions")["share"], known.set_index("decisions")["n"]
    found = rows[INSTRUCTED, "honest"]
    assert (found.one.value, found.one.n) == (shares["these"], numbers["these"])
    assert (found.other.value, found.other.n) == (shares["none"], numbers["none"])
    assert found.one.n == found.other.n - 30
    probes = compare_probes(store, "pruned-run", "pruned-run", USUAL)
    assert probes.one.chosen.n == probes.other.chosen.n and probes.one.n_train < probes.other.n_train


def test_a_run_without_answers_is_refused(store):
    store.begin("empty-run", store.run("clear-run").settings, store.run("clear-run").facts, 10, [])
    with pytest.raises(StoreError, match="no answers yet"):
        compare_said(store, "clear-run", "empty-run")


def test_settings_that_differ_stand_apart_from_those_that_do_not(store):
    table = settings_beside(store.run("clear-run"), store.run("lost-run")).set_index("setting")
    unlike = {"data.style", "model_content", "template.name", "template.body"}
    assert set(table.index[~table["alike"]]) == unlike
    assert table.loc["data.style", ["one", "other"]].tolist() == ["plain", "typos"]
    assert table.loc["shots", "alike"] and table.loc["adapter", "one"] == "–"


def test_charts_draw_every_figure_and_show_names_as_text(store):
    names = ("<b>one</b>", "other")
    table = to_frame(compare_said(store, "clear-run", "lost-run").figures)
    drawn = figures_beside(table, names)
    one, other, apart = drawn.data
    assert one.name == "&lt;b&gt;one&lt;/b&gt;" and other.name == "other"
    assert [len(trace.x) for trace in (one, other, apart)] == [len(table)] * 3
    layers = compare_probes(store, "clear-run", "lost-run", USUAL).to_frame()
    drawn = layers_beside(layers, names)
    lines = [trace for trace in drawn.data if trace.mode == "lines+markers"]
    assert [trace.y.tolist() for trace in lines] == [
        layers[name].tolist() for name in ("one", "other", "difference")
    ]
    without = layers_beside(layers.assign(difference=np.nan), names)
    assert len(without.data) == 4


def test_what_test_questions_have_judged_in_both_runs_is_put_side_by_side(store):
    log = JudgementStore(store.cache)
    for run, what, auroc in (("clear-run", "a", 0.9), ("clear-run", "b", 0.8), ("lost-run", "a", 0.6)):
        log.add(LoggedJudgement(run, f"{run}{what}", run, what, auroc))
    log.add(LoggedJudgement("lost-run", "else", "clear-run", "b", 0.1))
    table = judged_beside(log, "clear-run", "lost-run")
    assert table["configuration"].tolist() == ["a"] and table["difference"].tolist() == pytest.approx([0.3])


def test_the_command_says_what_the_figures_say(store, capsys):
    arguments = ["compare", "clear-run", "lost-run", "--cache", str(store.cache)]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["other"], told["pairing"]["kind"]) == ("clear-run", "lost-run", "paired")
    probes = compare_probes(store, "clear-run", "lost-run", USUAL)
    assert told["probe"]["chosen"]["difference"] == pytest.approx(probes.chosen.value)
    assert len(told["probe"]["layers"]) == 3 and told["probe_refused"] is None
    assert {row["figure"] for row in told["figures"]} == {INSTRUCTED, LIES, READABLE, KNOWS, MASS, OUTPUT}
    assert "data.style" in [row["setting"] for row in told["settings"] if not row["alike"]]
    assert main(arguments) == 0
    assert "Paired by groups" in capsys.readouterr().out
    assert main(["compare", "clear-run", "nowhere", "--cache", str(store.cache)]) == 2
    assert "there is no run 'nowhere'" in capsys.readouterr().err
