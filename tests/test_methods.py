"""Every probe method: what was planted is found, plain computations agree, and what fails is seen to fail."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.covariance import ledoit_wolf
from sklearn.utils.estimator_checks import check_estimator

from core.data.facts import load_facts
from core.data.polarity import negated_by, polarity
from core.errors import ProbeError
from core.probes import methods
from core.probes.by_layer import run_probe
from core.probes.methods import ALL, METHODS, find_methods, method_named
from core.probes.methods.ccs import CCS
from core.probes.methods.crc import CRC
from core.probes.methods.mass_mean import MassMean
from core.probes.methods.multi_layer import MultiLayerLogistic
from core.probes.methods.paired_component import PairedComponent
from core.probes.methods.paired_difference import PairedDifference
from core.probes.methods.ttpd import TTPD
from core.probes.methods.vinc import VINC
from core.probes.metrics import auroc
from core.probes.needs import beside_labels, permuted_for
from core.probes.pipeline import fit_parameters, make_probe
from core.probes.rows import ProbeSettings, choose_rows, with_target
from tests.test_probes import answers, planted

D = 32
TRUTH, DISTRACTOR, POLARITY, TURNING = np.linalg.qr(np.random.default_rng(7).normal(size=(D, 4)))[0].T


def cosine(one, other):
    one, other = np.ravel(one), np.ravel(other)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def statements(n=400, seed=0, distractor=0.0):
    """Statements and negations, true and false, balanced: truth along TRUTH, and turning along TURNING.

    Returns:
        states (n, D), label, and what a method needs besides.
    """
    rng = np.random.default_rng(seed)
    label, turned, other = (np.arange(n) // step % 2 for step in (1, 2, 4))
    true, polar = 2 * label - 1, 2 * turned - 1
    x = rng.normal(size=(n, D)) + distractor * np.outer(2 * other - 1, DISTRACTOR)
    x += 2 * np.outer(true, TRUTH) + 2 * np.outer(polar, POLARITY) + 2 * np.outer(true * polar, TURNING)
    return x, label, {"polarity": polar.astype(float)}


def pairs(n=400, seed=0, distractor=0.0, both_senses=False):
    """Questions under honest (even rows) and lie (odd rows), which lie apart along TRUTH.

    Args:
        distractor: of a sign that is the question's own, the same in both modes.
        both_senses: whether the label turns with the question, as the choice that a liar gives does.
    """
    rng = np.random.default_rng(seed)
    lying, question = np.arange(n) % 2, np.arange(n) // 2
    label = np.where(both_senses & (question // 2 % 2 == 1), 1 - lying, lying)
    x = rng.normal(size=(n, D)) + distractor * np.outer(2 * (question % 2) - 1, DISTRACTOR)
    x += 2 * np.outer(2 * label - 1, TRUTH)
    return x, label, {"pair": question, "lying": lying}


MADE_FOR = {"labels": statements, "polarity": statements, "pairs": pairs}


def fitted(method, x, y, beside):
    """A probe of one layer, fitted with what its method needs."""
    names = {"labels": (), "polarity": ("polarity",), "pairs": ("pair", "lying")}[method_named(method).needs]
    return make_probe(method).fit(x, y, **fit_parameters({name: beside[name] for name in names}))


def contrast(n=400, distractor=0.0, wordings=None, seed=0, strays=0.0):
    """Contrast pairs: the right choice is at +TRUTH, the other at -TRUTH; choice 1 lies far from choice 0.

    Args:
        distractor: along DISTRACTOR, of a sign that is the question's own.
        strays: the same, of a sign that is each wording's own.
    """
    rng = np.random.default_rng(seed)
    label, other = np.arange(n) % 2, np.arange(n) // 2 % 2
    side = np.array([-1, 1])
    shape = (n, wordings or 1, 2, D)
    x = rng.normal(size=shape) + rng.normal(size=(n, 1, 1, D))
    x += 6 * side[:, None] * POLARITY
    x += (2 * label - 1)[:, None, None, None] * side[:, None] * 1.5 * TRUTH
    x += (2 * other - 1)[:, None, None, None] * side[:, None] * distractor * DISTRACTOR
    sign = rng.choice([-1, 1], size=shape[:2])
    x += sign[:, :, None, None] * side[:, None] * strays * DISTRACTOR
    return (x if wordings else x[:, 0]), label


@pytest.mark.parametrize("distractor", [0.0, 6.0])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_planted_is_found_beside_a_distractor_too(method, distractor):
    made = MADE_FOR[method_named(method).needs]
    x, y, beside = made(distractor=distractor)
    given = beside if method_named(method).needs != "labels" else {}
    assert cosine(ALL[method].make().fit(x, y, **given).coef_, TRUTH) >= 0.95
    new, label, _ = made(seed=1, distractor=distractor)
    assert auroc(label, fitted(method, x, y, beside).decision_function(new)) > 0.97


def test_ttpd_tells_the_truth_direction_from_the_one_that_turns_and_from_polarity():
    x, y, beside = statements()
    found = TTPD().fit(x, y, **beside)
    assert cosine(found.truth_direction_, TRUTH) >= 0.95
    assert cosine(found.polarity_truth_direction_, TURNING) >= 0.95
    assert cosine(found.polarity_direction_, POLARITY) >= 0.95


def test_ttpd_holds_for_negations_where_a_probe_of_statements_alone_does_not():
    x, y, beside = statements()
    polar = beside["polarity"]
    x = x + 4 * np.outer(polar * (2 * y - 1), TURNING)
    plain = make_probe("difference-of-means").fit(x[polar == 1], y[polar == 1])
    both = fitted("ttpd", x, y, beside)
    negations = polar == -1
    assert auroc(y[negations], plain.decision_function(x[negations])) < 0.1
    assert auroc(y[negations], both.decision_function(x[negations])) > 0.95


def test_an_axis_followed_in_both_senses_is_a_component_and_no_mean():
    x, y, beside = pairs(both_senses=True)
    assert cosine(PairedComponent().fit(x, y, **beside).coef_, TRUTH) >= 0.95
    assert abs(cosine(PairedDifference().fit(x, y, **beside).coef_, TRUTH)) < 0.5


def test_pairs_take_their_direction_from_differences_and_their_sign_from_labels():
    x, y, beside = pairs()
    straight, turned = PairedComponent().fit(x, y, **beside), PairedComponent().fit(x, 1 - y, **beside)
    assert np.array_equal(straight.coef_, -turned.coef_)
    by_hand = PairedDifference().fit(
        np.array([[0.0, 1], [2, 1], [0, 3], [4, 3], [6, 3], [9, 9]]),
        [0, 1, 0, 1, 1, 0],
        pair=[0, 0, 1, 1, 1, -1],
        lying=[0, 1, 0, 1, 1, 0],
    )
    assert by_hand.coef_.tolist() == [[(2 + 5) / 2, 0]]
    with pytest.raises(ProbeError, match="1 questions were answered under honest and under lie"):
        PairedDifference().fit(x, y, pair=np.where(beside["pair"] > 0, -1, 0), lying=beside["lying"])
    with pytest.raises(ProbeError, match="needs the pair of each answer"):
        PairedDifference().fit(x, y)


def test_mass_mean_is_an_estimator_and_known_by_hand():
    check_estimator(MassMean())
    x = np.array([[0.0, -2], [0, 2], [1, 0], [-1, 0], [4, -2], [4, 2], [5, 0], [3, 0]])
    found = MassMean().fit(x, np.repeat([0, 1], 4))
    assert found.coef_[0] == pytest.approx([4 / 0.5, 0]) and found.intercept_[0] == pytest.approx(-16)


def plain_difference(z, y, _):
    low, high = z[y == 0].mean(axis=0), z[y == 1].mean(axis=0)
    return high - low, -(high - low) @ (high + low) / 2


def plain_lda(z, y, _):
    """Within the span of the rows, each class's covariance shrunk on its own standardised features."""
    axes = np.linalg.svd(z, full_matrices=False)[2]
    axes = axes[: np.linalg.matrix_rank(z)]
    inside = z @ axes.T
    covariance, means = 0.0, []
    for value in (0, 1):
        part = inside[y == value]
        means.append(part.mean(axis=0))
        scale = part.std(axis=0)
        shrunk = ledoit_wolf((part - means[-1]) / scale)[0]
        covariance = covariance + (y == value).mean() * scale[:, None] * shrunk * scale
    weights = np.linalg.solve(covariance, means[1] - means[0])
    odds = np.log((y == 1).mean() / (y == 0).mean())
    return weights @ axes, odds - weights @ (means[0] + means[1]) / 2


def plain_logistic(z, y, penalty):
    def loss(theta):
        scores = z @ theta[:-1] + theta[-1]
        error = expit(scores) - y
        value = np.logaddexp(0, scores).sum() - y @ scores + penalty / 2 * theta[:-1] @ theta[:-1]
        return value, np.append(z.T @ error + penalty * theta[:-1], error.sum())

    options = {"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-10}
    theta = minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B", options=options).x
    return theta[:-1], theta[-1]


@pytest.mark.parametrize("d", [16, 100])
@pytest.mark.parametrize(
    ("method", "plain", "tolerance"),
    [
        ("difference-of-means", plain_difference, 1e-6),
        ("lda", plain_lda, 1e-6),
        ("logistic", plain_logistic, 2e-2),
    ],
)
def test_a_plain_computation_on_the_same_states_and_split_agrees(method, plain, tolerance, d):
    frame = answers()
    states = planted(frame, 3, d)
    settings = ProbeSettings(method, permutations=0)
    report = run_probe(frame, states, 3, settings)
    rows = choose_rows(with_target(frame, "truth"), settings)
    label = frame["label"].to_numpy()
    for layer in range(3):
        x = states(layer).astype(np.float64)
        middle, spread = x[rows.train].mean(axis=0), x[rows.train].std(axis=0)
        weights, intercept = plain((x[rows.train] - middle) / spread, label[rows.train], 1 / 0.1)
        vector = weights / spread
        assert report.bundle.vectors[layer] == pytest.approx(vector, abs=tolerance)
        assert report.bundle.intercepts[layer] == pytest.approx(intercept - middle @ vector, abs=tolerance)
        expected = auroc(label[rows.test], x[rows.test] @ vector)
        assert report.layers[layer].test.auroc == pytest.approx(expected, abs=1e-3)


def test_all_layers_at_once_find_what_each_holds():
    rng = np.random.default_rng(0)
    y = np.arange(1500) % 2
    x = rng.normal(size=(1500, 3, D))
    x[:, 0] += np.outer(2 * y - 1, TRUTH)
    x[:, 2] += np.outer(2 * y - 1, TURNING)
    x[:, 1] += 6 * np.outer(2 * (np.arange(1500) // 2 % 2) - 1, DISTRACTOR)
    found = MultiLayerLogistic().fit(x, y)
    wanted = np.stack([TRUTH, np.zeros(D), TURNING])
    assert cosine(found.direction_, wanted) >= 0.95
    assert (found.predict(x) == y).mean() > 0.9
    with pytest.raises(ValueError, match="cannot be scored"):
        found.predict(x[:, :2])


def test_the_same_states_in_every_layer_are_one_layer():
    x, y, _ = statements()
    many = MultiLayerLogistic().fit(np.repeat(x[:, None], 4, axis=1), y)
    one = make_probe("logistic").fit(x, y)
    new, _, _ = statements(seed=1)
    scores = many.decision_function(np.repeat(new[:, None], 4, axis=1))
    assert scores == pytest.approx(one.decision_function(new), abs=2e-2)


@pytest.mark.parametrize("make", [CCS, CRC])
def test_contrast_pairs_are_told_apart_without_labels_until_a_distractor_is_more_prominent(make):
    (x, y), (new, label) = contrast(1000), contrast(seed=1)
    found = make().fit(x, y)
    assert cosine(found.direction_, TRUTH) >= 0.95
    assert (found.predict(new) == label).mean() > 0.95
    (x, y), (new, label) = contrast(1000, distractor=4.0), contrast(distractor=4.0, seed=1)
    lost = make().fit(x, y)
    assert abs(cosine(lost.direction_, TRUTH)) < 0.2
    assert abs(cosine(lost.direction_, DISTRACTOR)) > 0.8
    assert (lost.predict(new) == label).mean() < 0.65


@pytest.mark.parametrize("method", [name for name in METHODS if method_named(name).needs == "labels"])
def test_with_labels_the_same_distractor_is_no_hindrance(method):
    x, y = contrast(1000, distractor=4.0)
    assert cosine(ALL[method].make().fit(x[:, 1] - x[:, 0], y).coef_, TRUTH) >= 0.95


def test_vinc_leaves_out_what_differs_between_wordings():
    x, y = contrast(200, wordings=4)
    assert cosine(VINC().fit(x, y).direction_, TRUTH) >= 0.95
    x, y = contrast(200, wordings=4, strays=4.0)
    assert cosine(VINC().fit(x, y).direction_, TRUTH) >= 0.95
    apart = CRC().fit(x.transpose(1, 0, 2, 3).reshape(-1, 2, D), np.tile(y, 4))
    assert abs(cosine(apart.direction_, TRUTH)) < 0.3
    with pytest.raises(ProbeError, match="3 wordings or more of each question, not 2"):
        VINC().fit(x[:, :2], y)


def test_vinc_is_the_top_of_its_own_objective():
    x, y = contrast(100, wordings=3)
    found = VINC(variance=0.5, invariance=2, negative_covariance=1.5).fit(x, y)
    z = (x - x.mean(axis=0)) / x.std(axis=0)

    def worth(theta):
        scores = z @ theta / np.linalg.norm(theta)
        no, yes = scores.mean(axis=1).T
        within = scores.var(axis=1).mean(axis=0).sum()
        return 0.5 * (no.var() + yes.var()) - 2 * within - 1.5 * 2 * (no * yes).mean()

    best = found.coef_[0, 1] * x.std(axis=0)[0, 1]
    assert worth(best) == pytest.approx(found.eigenvalue_)
    rng = np.random.default_rng(0)
    assert all(worth(rng.normal(size=D)) < worth(best) for _ in range(200))


def test_the_loss_of_ccs_has_the_slope_that_it_says():
    from core.probes.methods.ccs import _loss

    rng = np.random.default_rng(0)
    no, yes, theta = rng.normal(size=(30, 5)), rng.normal(size=(30, 5)), rng.normal(size=6)
    step = 1e-6 * np.eye(6)
    slope = [(_loss(theta + s, no, yes, 0.1)[0] - _loss(theta - s, no, yes, 0.1)[0]) / 2e-6 for s in step]
    assert _loss(theta, no, yes, 0.1)[1] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize(("make", "wordings"), [(CCS, None), (CRC, None), (VINC, 3)])
def test_a_few_labels_set_the_sign_and_nothing_else(make, wordings):
    x, y = contrast(200, wordings=wordings)
    found = make().fit(x, y)
    few = np.full(len(y), np.nan)
    few[found.sign_rows_] = y[found.sign_rows_]
    assert len(found.sign_rows_) == 10
    again = make().fit(x, few)
    assert np.array_equal(again.coef_, found.coef_) and again.intercept_ == found.intercept_
    turned = make().fit(x, 1 - y)
    assert np.array_equal(turned.coef_, -found.coef_)
    assert found.coef_.shape == x.shape[1:] and np.isfinite(found.coef_).all()
    with pytest.raises(ProbeError, match="no labels at all"):
        make().fit(x, np.full(len(y), np.nan))
    with pytest.raises(ProbeError, match="finite contrast pairs"):
        make().fit(x[:, 0], y)


def test_choices_are_normalised_by_training_states_alone():
    x, y = contrast(200)
    found = CRC().fit(x, y)
    new, _ = contrast(50, seed=1)
    alone = np.concatenate([found.decision_function(new[[i]]) for i in range(len(new))])
    assert found.decision_function(new) == pytest.approx(alone)


def test_a_file_more_is_a_method_more(tmp_path, monkeypatch):
    (tmp_path / "always_up.py").write_text(
        "from core.probes.method import Method\n"
        "from core.probes.methods.difference_of_means import DifferenceOfMeans\n"
        'METHOD = Method("always-up", "A test.", "nobody", DifferenceOfMeans)\n'
    )
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    found = find_methods()
    monkeypatch.delitem(sys.modules, "core.probes.methods.always_up")
    assert set(found) == {*ALL, "always-up"} and next(iter(found)) == "logistic"
    (tmp_path / "always_up.py").unlink()
    (tmp_path / "no_method.py").write_text("")
    with pytest.raises(ProbeError, match=r"no_method\.py has no METHOD"):
        find_methods()
    monkeypatch.delitem(sys.modules, "core.probes.methods.no_method")


@pytest.mark.parametrize("method", ALL.values(), ids=ALL)
def test_every_method_says_what_it_is(method):
    assert method.sentence.startswith(method.about) and method.source in method.sentence
    assert "Source: " in (method.make.__doc__ or "")
    assert (method.sign is None) == (method.needs != "pairs" and not method.contrast)


def test_the_cities_are_statements_and_their_negations():
    questions = {q.id: q for q in load_facts("cities")}
    found = {name: polarity(name, "cities") for name in questions}
    assert sum(value == 1 for value in found.values()) * 2 == len(questions)
    for name, question in questions.items():
        plain = questions[negated_by(name, "cities")]
        assert found[plain.id] == 1
        if found[name] == -1:
            assert plain.label == 1 - question.label and plain.group == question.group
    assert polarity("numbers:1:larger:2", "numbers") is None
    assert polarity(next(iter(questions)) + ":claim", "cities") is None


def city_answers(n=60):
    """The statements of n cities and their negations, under honest and lie; the model obeys."""
    rows = []
    for city in range(n):
        right = "NL" if city % 2 else "PE"
        for verb in ("is", "is-not"):
            for code in ("NL", "PE") if city % 3 else ("NL",):
                label = int((code == right) != (verb == "is-not"))
                for mode in ("honest", "lie"):
                    said = label if mode == "honest" else 1 - label
                    rows.append(
                        {
                            "answer": len(rows),
                            "question": f"cities:{city}:{verb}:{code}",
                            "group": f"cities:{city // 2}",
                            "source": "cities",
                            "text": f"The city of {city} {verb} in {code}.",
                            "mode": mode,
                            "wording": 0,
                            "label": label,
                            "said": float(said),
                            "said_true": float(said == label),
                            "lie": float(mode == "lie"),
                            "p_0": 0.5,
                            "p_1": 0.5,
                            "dropped": False,
                        }
                    )
    return pd.DataFrame(rows)


def city_states(frame):
    """Layer 0 holds polarity alone; layer 1 truth, polarity, and truth that turns with polarity."""
    rng = np.random.default_rng(0)
    polar = np.where(frame["question"].str.contains("is-not"), -1, 1)
    true = 2 * frame["label"].to_numpy() - 1
    noise = rng.normal(size=(2, len(frame), D)) + 4 * np.outer(polar, POLARITY)
    noise[1] += 2 * np.outer(true, TRUTH) + 4 * np.outer(true * polar, TURNING)
    return lambda layer: noise[layer]


def test_ttpd_is_swept_with_a_null_that_keeps_negations_opposite():
    frame = city_answers()
    report = run_probe(frame, city_states(frame), 2, ProbeSettings("ttpd", permutations=40))
    assert report.layer == 1 and report.chosen.test.auroc > 0.95
    null = report.controls["permuted"]
    assert len(null.aurocs) == 40 and 0.4 < np.mean(null.aurocs) < 0.6
    assert null.p_value == pytest.approx(1 / 41)
    for fake in permuted_for(with_target(frame, "truth"), "ttpd", "truth", 20, 0):
        made = frame.assign(fake=fake, stated=[negated_by(q, "cities") for q in frame["question"]])
        assert (made.groupby("question")["fake"].nunique() == 1).all()
        by_polarity = made.drop_duplicates("question").groupby("stated")["fake"].agg(["sum", "size"])
        assert (by_polarity["sum"] == 1).all() and (by_polarity["size"] == 2).all()
        assert (fake != frame["label"]).any()


@pytest.mark.parametrize("method", ["paired-difference", "paired-component"])
def test_pairs_are_swept_with_a_null_that_swaps_whole_pairs(method):
    frame = answers()
    settings = ProbeSettings(method, "mode", train="both", test="both", permutations=40)
    rng = np.random.default_rng(0)
    states = rng.normal(size=(2, len(frame), D))
    states[1] += np.outer(2 * (frame["mode"] == "lie") - 1, TRUTH)
    report = run_probe(frame, lambda layer: states[layer], 2, settings)
    assert report.layer == 1 and report.chosen.test.auroc > 0.85
    null = report.controls["permuted"]
    assert 0.4 < np.mean(null.aurocs) < 0.6 and null.p_value == pytest.approx(1 / 41)
    assert "Training labels" in report.bundle.facts["sign"]
    with_mode = with_target(frame, "mode")
    for fake in permuted_for(with_mode, method, "mode", 5, 0):
        beside = beside_labels(with_mode, method, "mode", fake)
        assert (beside["lying"] == (fake == 1)).all()
        assert (np.bincount(beside["pair"], beside["lying"]) == 1).all()


def test_answers_under_other_modes_are_of_no_pair():
    frame = answers(4)
    frame.loc[frame["mode"] == "honest", "mode"] = ["none", "honest", "honest", "honest"]
    beside = beside_labels(frame, "paired-difference", "lie")
    assert beside["pair"][0] == -1 and len(set(beside["pair"][2:4])) == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"method": "no-such"}, "unknown method 'no-such': choose logistic"),
        ({"method": "ccs", "target": "lie"}, "which of two choices is right, .* choose target truth"),
        (
            {"position": "choice_1"},
            "'choice_1' is of a prompt's two continuations: .* or method ccs, crc, vinc",
        ),
        ({"position": "contrast"}, "'logistic' reads one state of an answer"),
        ({"method": "multi-layer"}, "'multi-layer' needs the states of every layer at once"),
        ({"method": "paired-difference"}, "says nothing of target 'truth': choose target said_true, lie"),
        ({"method": "paired-component", "target": "lie"}, "not from 'honest' alone: train on 'both'"),
    ],
)
def test_settings_that_a_method_cannot_be_used_with_are_refused(settings, sentence):
    with pytest.raises(ProbeError, match=sentence):
        ProbeSettings(**settings)


def test_what_a_method_needs_and_a_run_lacks_is_refused():
    frame = answers()
    with pytest.raises(ProbeError, match="made has none that are marked so"):
        run_probe(frame, planted(frame), 4, ProbeSettings("ttpd", permutations=0))
    cities = city_answers()
    plain = cities[~cities["question"].str.contains("is-not")].reset_index(drop=True)
    with pytest.raises(ProbeError, match="training answers have one polarity"):
        run_probe(plain, planted(plain), 2, ProbeSettings("ttpd", permutations=0))
    alone = frame[frame["mode"] == "lie"].reset_index(drop=True)
    settings = ProbeSettings("paired-difference", "said_true", train="both", permutations=0)
    alone["said_true"] = np.arange(len(alone)) % 2.0
    with pytest.raises(ProbeError, match="of lie alone: train on both modes"):
        run_probe(alone, planted(alone), 2, settings)
    x, y, _ = statements()
    with pytest.raises(ProbeError, match="needs the polarity of each statement"):
        TTPD().fit(x, y)
    with pytest.raises(ProbeError, match=r"negations \(-1\) to train on"):
        TTPD().fit(x, y, polarity=np.ones(len(y)))
