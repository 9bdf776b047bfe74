"""The test set stays closed while settings are tried out, and what it has judged is logged."""

import json

import pytest

from core.cli import main
from core.probes import cross_validated_of_run as module
from core.probes import of_run
from core.probes.cross_validated_of_run import cross_validated_run, known_cross_validated
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.runs import RunStore
from tests.conftest import beside

QUICK = ProbeSettings(permutations=0)


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with a run of the tiny model in both modes."""
    folder = beside(cache, tmp_path_factory.mktemp("judgements"))
    asked = ["harvest", "--data", "movie-reviews", "--n", "60", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    return folder


def only_run(lab):
    [run] = RunStore(lab).runs()
    return run.run


def test_the_folds_hold_no_question_of_the_test_set(lab, monkeypatch):
    store, seen = RunStore(lab), []
    real = module.cross_validate

    def spy(frame, *rest, **more):
        seen.append(set(frame["answer"]))
        return real(frame, *rest, **more)

    monkeypatch.setattr(module, "cross_validate", spy)
    assert known_cross_validated(store, only_run(lab), QUICK, sealed=True) is None
    found = cross_validated_run(store, only_run(lab), QUICK, sealed=True)
    tested = set(probe_run(store, only_run(lab), QUICK).predictions["answer"])
    assert tested and not tested & seen[0]
    assert cross_validated_run(store, only_run(lab), QUICK, sealed=True) == found and len(seen) == 1
    asked_again = ProbeSettings(permutations=7)  # the null changes nothing of it
    assert known_cross_validated(store, only_run(lab), asked_again, sealed=True) == found
    whole = cross_validated_run(store, only_run(lab), QUICK)
    assert whole.area.n == 60 > found.area.n
    assert len(found.by_layer) == 4


def test_every_configuration_is_logged_once(lab, capsys):
    run, log = only_run(lab), JudgementStore(lab)

    def told(*options):
        assert main(["probe", run, "--json", "--cache", str(lab), *options]) == 0
        return json.loads(capsys.readouterr().out)

    closed = told("--cross-validate", "--target", "mode", "--test", "both", "--train", "both")
    before = len(log.of(run))
    assert "judged_by_now" not in closed and len(closed["layers"]) == 4
    first = told("--method", "lda", "--permutations", "0")
    again = told("--method", "lda", "--permutations", "3")
    assert first["judged_by_now"] == again["judged_by_now"] == before + 1 == len(log.of(run))
    other = told("--method", "lda", "--seed", "1", "--permutations", "0")
    assert other["judged_by_now"] == before + 2
    [entry] = [made for made in log.of(run) if "lda" in made.what and "seed 0" in made.what]
    assert entry.auroc == first["auroc"] and entry.trained == run and entry.at


def test_another_version_of_the_same_figure_is_no_other_configuration(lab, monkeypatch):
    run, log = only_run(lab), JudgementStore(lab)
    probe_run(RunStore(lab), run, QUICK)
    before = log.of(run)
    monkeypatch.setattr(of_run, "VERSION", of_run.VERSION + 1)
    assert of_run.known_report(RunStore(lab), run, QUICK) is None
    probe_run(RunStore(lab), run, QUICK)
    assert log.of(run) == before


def test_a_damaged_report_is_not_made_anew_by_looking_for_it(lab, monkeypatch):
    run, store = only_run(lab), RunStore(lab)
    probe_run(store, run, QUICK)
    monkeypatch.setattr(of_run, "run_probe", None)  # the test set stays closed
    assert of_run.known_report(store, run, QUICK) is not None
    of_run.report_path(store, run, QUICK, None).write_bytes(b"x")
    assert of_run.known_report(store, run, QUICK) is None


def test_the_log_outlives_derived_results_and_is_of_one_run(lab, tmp_path):
    log = JudgementStore(tmp_path)
    log.add(LoggedJudgement("a", "c1", "b", "logistic", 0.7))
    log.add(LoggedJudgement("a", "c1", "b", "logistic", 0.9))
    log.add(LoggedJudgement("d", "c1", "b", "logistic", 0.8))
    assert [made.auroc for made in log.of("a")] == [0.7] and log.of("e") == []
