"""The lie score: what planted states let it tell apart, what it refuses, and the command that gives it."""

import json

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.errors import Cancelled, ProbeError
from core.labels import label_answers
from core.probes.lie_judgements import beside, cells, judge, sentence
from core.probes.lie_score import LieScoreSettings, answers_to_score, lie_scores
from core.probes.lie_score_of_run import known_lie_score
from core.probes.read_scores import FOLDS, read_scores
from core.store.runs import RunStore
from tests import frames
from tests.conftest import beside as cache_beside

LAYERS, TURN, WIDTH = 4, 2, 30
MODES = ("honest", "lie", "flip")


def answers(n=150, wrong=None, modes=MODES, text=None, seed=0, **changes):
    """n questions in each mode; `wrong` says which share is answered falsely in each."""
    rng = np.random.default_rng(seed)
    wrong = {"honest": 0.2, "lie": 0.75, "flip": 0.75} | (wrong or {})
    rows = []
    for mode in modes:
        for i in range(n):
            label = i % 2
            said = 1 - label if rng.random() < wrong[mode] else label
            rows.append((f"q{i}", mode, 0, 0, label, said))
    frame = frames.answers(*rows, **changes)
    words = [text(q, label) if text else f"text {q}" for q, label in zip(*cols(frame), strict=True)]
    return label_answers(frame.assign(text=words))


def cols(frame):
    return frame["question"], frame["label"]


def planted(frame, strength=None, turn=TURN, shift=None, seed=1):
    """States that hold the truth below layer `turn` and what is said from it on.

    Args:
        strength: of the truth by mode, where it is not 1.
        shift: added along the truth's direction, by mode.
    """
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=WIDTH) / 3
    noise = rng.normal(size=(LAYERS, len(frame), WIDTH))
    strengths = frame["mode"].map(lambda mode: (strength or {}).get(mode, 1.0)).to_numpy()
    shifts = frame["mode"].map(lambda mode: (shift or {}).get(mode, 0.0)).to_numpy()
    truth, said = (2 * frame[name].to_numpy() - 1 for name in ("label", "said"))

    def states(layer):
        held = strengths * truth if layer < turn else said
        return noise[layer] + np.outer(held + shifts, direction)

    return states


def scored(frame, states, flips=None, flip_states=None, **settings):
    part, here = answers_to_score(frame, states, flips, flip_states)
    return lie_scores(part, read_scores(part, here, LAYERS), LieScoreSettings(**settings))


def judged(frame, states, **settings):
    return {judgement.name: judgement for judgement in judge(scored(frame, states, **settings))}


def test_planted_deception_is_found_and_told_from_flips():
    frame = answers()
    found = judged(frame, planted(frame, strength={"flip": 0.2}))
    for name in ("untrue", "untrue_honest", "untrue_lie", "failed_lies", "honest_right", "flips"):
        assert found[name].above, name
    assert found["untrue"].probe.auroc > 0.9
    assert "more than inversion" in sentence(tuple(found.values()))


def test_planted_inversion_is_at_chance_against_flips_and_the_sentence_says_so():
    frame = answers()
    found = judged(frame, planted(frame))
    assert found["untrue"].probe.auroc > 0.9 and found["failed_lies"].above
    assert found["flips"].at_chance
    assert sentence(tuple(found.values())).endswith("it detects inversion, not deception.")


def test_noise_detects_neither():
    frame = answers()
    noise = np.random.default_rng(5).normal(size=(len(frame), WIDTH))
    found = judged(frame, lambda layer: noise, layer=0)
    assert found["untrue"].at_chance and found["flips"].at_chance
    said = sentence(tuple(found.values()))
    assert "does not tell untrue answers from true ones" in said and "neither inversion nor" in said


def test_flips_are_judged_on_the_same_false_answer_to_the_same_question():
    frame = answers(n=200)
    scores = scored(frame, planted(frame))
    flips = next(j for j in judge(scores) if j.name == "flips")
    false = scores[scores["said"] != scores["label"]]
    lied = set(false.loc[false["kind"] == "lie", "question"])
    flipped = set(false.loc[false["kind"] == "flip", "question"])
    assert flips.positive == flips.negative == len(lied & flipped) < len(lied)


def test_flips_of_another_run_take_the_place_of_this_ones():
    frame = answers()
    honest_and_lie = frame[frame["mode"] != "flip"].reset_index(drop=True)
    flips = frame[frame["mode"] == "flip"].reset_index(drop=True)
    states = planted(frame)
    rows = np.flatnonzero(frame["mode"] != "flip"), np.flatnonzero(frame["mode"] == "flip")
    apart = scored(honest_and_lie, lambda n: states(n)[rows[0]], flips, lambda n: states(n)[rows[1]])
    assert apart["other_run"].sum() == len(flips) and (apart.loc[apart["other_run"], "mode"] == "flip").all()
    together = scored(frame, states)
    assert apart["score"].to_numpy() == pytest.approx(together["score"].to_numpy(), abs=1e-4)
    with pytest.raises(ProbeError, match="no answers under flip"):
        answers_to_score(frame, states, honest_and_lie, states)


def test_too_few_of_a_kind_are_refused_in_a_sentence():
    frame = answers(wrong={"honest": 0.0, "lie": 0.97}, modes=("honest", "lie"))
    found = judged(frame, planted(frame))
    assert found["untrue"].above
    for name, what in (
        ("failed_lies", "failed lies"),
        ("honest_errors", "0 honest errors"),
        ("flips", "--mode flip"),
    ):
        assert found[name].probe is None and found[name].text is None and what in found[name].refused
    said = sentence(tuple(found.values()))
    assert "whether it detects deception or only inversion cannot be said" in said
    assert "are not judged against failed lies" in beside(tuple(found.values()))
    few = judged(answers(wrong={"flip": 0.05}), planted(answers(wrong={"flip": 0.05})))
    assert "same false answer to the same question: 20 of each are needed" in few["flips"].refused


def test_words_that_say_nothing_are_at_chance_and_words_that_tell_are_not():
    rng = np.random.default_rng(7)
    noise = {f"q{i}": " ".join(f"w{word}" for word in rng.choice(400, 6)) for i in range(150)}
    frame = answers(text=lambda q, _: noise[q])
    found = judged(frame, planted(frame))
    low, high = found["untrue"].text.ci
    assert low < 0.5 < high and found["untrue"].text.margin.ci[0] > 0
    told = answers(text=lambda q, label: f"{noise[q]} {'good' if label else 'bad'}")
    found = judged(told, planted(told))
    assert found["untrue"].text.auroc > 0.99 and found["untrue"].text.margin.ci[0] <= 0


def test_no_answer_is_scored_by_a_probe_that_saw_its_group():
    frame = answers(n=100)
    rng = np.random.default_rng(3)
    own = {q: rng.normal(size=WIDTH * 8) for q in frame["question"].unique()}  # tells the question, no truth
    states = np.array([own[q] for q in frame["question"]])
    part, here = answers_to_score(frame, lambda layer: states)
    read = read_scores(part, here, 1)
    truth = 2 * part["label"].to_numpy() - 1
    honest = (part["mode"] == "honest").to_numpy()
    seen = read.scores[0, (read.fold + 1) % FOLDS, np.arange(len(part))]
    unseen = read.scores[0, read.fold, np.arange(len(part))]
    assert np.corrcoef(truth[honest], seen[honest])[0, 1] > 0.9
    assert abs(np.corrcoef(truth, unseen)[0, 1]) < 0.2
    assert part.groupby("group")["label"].count().eq(3).all()
    assert pd.Series(read.fold).groupby(part["group"]).nunique().eq(1).all()


def test_the_layer_is_one_that_reads_and_a_named_one_is_taken():
    frame = answers(wrong={"honest": 0.02})
    states = planted(frame)
    scores = scored(frame, states)
    assert set(scores["layer"]) <= set(range(TURN))
    late = scored(frame, states, layer=LAYERS - 1)
    assert set(late["layer"]) == {LAYERS - 1}
    # What that layer reads is what is said: the score is as high on true answers as on untrue ones.
    assert judge(late)[0].at_chance and judge(scores)[0].above
    assert "does not tell untrue answers from true ones" in sentence(judge(late))


def test_the_layer_needs_no_lie_label():
    frame = answers()
    states = planted(frame)
    changed = frame.assign(said=frame["said"].where(frame["mode"] == "honest", 1 - frame["said"]))
    one, other = (read_scores(part, states, LAYERS) for part in (frame, changed))
    assert one.layers("agreement") == other.layers("agreement")
    with pytest.raises(ProbeError, match="no lies"):
        one.layers("labels")


def test_where_no_layer_reads_the_truth_the_rule_refuses():
    frame = answers()
    noise = np.random.default_rng(5).normal(size=(len(frame), WIDTH))
    with pytest.raises(ProbeError, match="name a layer"):
        scored(frame, lambda layer: noise)
    with pytest.raises(ProbeError, match="no layer 9"):
        scored(frame, lambda layer: noise, layer=9)


def test_centring_by_mode_takes_off_what_the_mode_adds():
    frame = answers()
    states = planted(frame, shift={"lie": 4.0})
    plain, centred = (scored(frame, states, layer=0, centring=how) for how in ("none", "per-mode"))
    under_lie = [scores.loc[scores["mode"] == "lie", "read"].mean() for scores in (plain, centred)]
    assert abs(under_lie[1]) < 0.3 < 1 < under_lie[0]
    first, second = (judge(scores)[2].probe.auroc for scores in (plain, centred))
    assert second > 0.9 > first
    same, alone = (scored(frame, planted(frame), layer=0, centring=how) for how in ("none", "single"))
    assert alone["read"].to_numpy() == pytest.approx(same["read"].to_numpy(), abs=1e-4)


def test_centring_of_a_single_answer_takes_off_its_templates_offset():
    first, second = answers(seed=0), answers(seed=1).assign(order=1)
    frame = pd.concat([first, second], ignore_index=True).assign(answer=lambda f: np.arange(len(f)))
    states = planted(frame)
    towards = planted(frame.assign(said=0.0, label=0.0), seed=1)(0) - planted(frame, strength=zero(), seed=1)(
        0
    )
    moved = states(0) + 3 * towards * (frame["order"].to_numpy() == 1)[:, None]
    plain, centred = (scored(frame, lambda n: moved, layer=0, centring=how) for how in ("none", "single"))
    arms = [scores["read"].groupby(order_of(frame, scores)).mean() for scores in (plain, centred)]
    assert abs(arms[0][0] - arms[0][1]) > 1 > 0.3 > abs(arms[1][0] - arms[1][1])
    with pytest.raises(ProbeError, match="unknown centring"):
        LieScoreSettings(centring="each")


def zero():
    return dict.fromkeys(MODES, 0.0)


def order_of(frame, scores):
    return scores["answer"].map(frame.set_index("answer")["order"])


def test_cells_count_each_mode_and_shares_have_intervals():
    frame = answers()
    frame.loc[::9, "said"] = np.nan
    frame = label_answers(frame.drop(columns=["lie"]))
    scores = scored(frame, planted(frame.assign(said=frame["said"].fillna(0))), layer=0)
    table = cells(scores).set_index("cell")
    assert list(table.index) == [f"{mode}, {right}" for mode in MODES for right in ("right", "false")]
    assert table["n"].sum() == frame["said"].notna().sum() == len(scores)
    assert ((table["low"] < table["share"]) & (table["share"] < table["high"])).all()
    assert table.loc["lie, false", "median"] > 0 > table.loc["lie, right", "median"]


def test_dropped_answers_are_left_out_and_outcome_drops_are_not_trained_on():
    frame = answers()
    states = planted(frame)
    dropped = frame.assign(dropped=frame["question"] == "q3")
    part, _ = answers_to_score(dropped, states)
    assert "q3" not in set(part["question"]) and len(part) == len(frame) - 3
    outcome = frame.assign(dropped_outcome=frame["question"] == "q3")
    part, here = answers_to_score(outcome, states)
    read = read_scores(part, here, 1)
    assert len(part) == len(frame) and not read.trains[part["question"] == "q3"].any()


def test_a_missing_mode_and_too_few_questions_are_refused_and_cancelling_keeps_nothing():
    frame = answers()
    with pytest.raises(ProbeError, match="no lie answers"):
        answers_to_score(frame[frame["mode"] != "lie"].reset_index(drop=True), planted(frame))
    with pytest.raises(ProbeError, match="too few"):
        scored(answers(n=8), planted(answers(n=8)))
    with pytest.raises(Cancelled):
        read_scores(*answers_to_score(frame, planted(frame)), LAYERS, cancelled=lambda: True)


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with two runs of the tiny model on the same 40 questions: honest and lie; flip."""
    folder = cache_beside(cache, tmp_path_factory.mktemp("lab"))
    asked = ["harvest", "--data", "movie-reviews", "--n", "40", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    assert main([*asked, "--mode", "flip"]) == 0
    return folder


@pytest.fixture
def runs(lab):
    """The ids of the run of honest and lie, and of the one of flips."""
    found = {tuple(run.settings["modes"]): run.run for run in RunStore(lab).runs()}
    return found[("honest", "lie")], found[("flip",)]


def tell(lab, capsys, *arguments, code=0):
    capsys.readouterr()
    assert main([*map(str, arguments), "--cache", str(lab)]) == code
    return capsys.readouterr()


def test_the_command_gives_its_names_and_the_scores_as_csv(lab, runs, capsys, tmp_path):
    run, flip_run = runs
    file = tmp_path / "scores.csv"
    asked = ["lie-score", run, "--flip-run", flip_run, "--layer", 2, "--centring", "per-mode"]
    out = tell(lab, capsys, *asked, "--csv", file, "--json").out
    result = json.loads(out, parse_constant=pytest.fail)
    assert (result["run"], result["flip_run"], result["layers"]) == (run, flip_run, {"2": FOLDS})
    names = [judgement["name"] for judgement in result["judgements"]]
    assert names[:2] == ["untrue", "untrue_honest"] and {"failed_lies", "flips", "honest_errors"} <= set(
        names
    )
    for judgement in result["judgements"]:
        assert (judgement["probe"] is None) == (judgement["refused"] is not None)
        assert (judgement["probe"] is None) == (min(judgement["positive"], judgement["negative"]) < 20)
    scores = pd.read_csv(file)
    told = sum(cell["n"] for cell in result["cells"])
    assert len(scores) == told == 120 - sum(result["no_choice"].values())
    report = known_lie_score(RunStore(lab), run, LieScoreSettings(layer=2, centring="per-mode"), flip_run)
    assert report.sentence == result["sentence"]
    assert scores["score"].to_numpy() == pytest.approx(report.scores["score"].to_numpy())
    assert report.sentence in tell(lab, capsys, *asked).out


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (["--layer", 9], "no layer 9"),
        (["--layer-rule", "labels"], "uses no lies"),
        (["--centring", "each"], "unknown centring 'each'"),
        (["--position", "nowhere"], "nowhere"),
        (["--flip-run", "nothing"], "no run 'nothing'"),
    ],
)
def test_the_command_refuses_in_one_line(lab, runs, capsys, changes, what):
    said = tell(lab, capsys, "lie-score", runs[0], *changes, code=2)
    assert said.out == "" and said.err.startswith("telltale: ") and said.err.count("\n") == 1
    assert what in said.err


def test_flips_of_another_template_are_refused(lab, runs, capsys, tiny):
    made = ["harvest", "--data", "movie-reviews", "--n", "4", "--template", "yes-no", "--mode", "flip"]
    out = tell(lab, capsys, *made, "--model", tiny, "--json").out
    other = json.loads(out)["run"]
    said = tell(lab, capsys, "lie-score", runs[0], "--flip-run", other, "--layer", 1, code=2)
    assert "another template" in said.err
    RunStore(lab).delete(other)
