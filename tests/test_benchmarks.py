"""The benchmark runs, counts right, and reports no speed where results differ. Nothing here is timed."""

import json
from itertools import cycle
from types import SimpleNamespace

import numpy as np
import pytest

import benchmarks.__main__ as command
import benchmarks.probes as probing
from benchmarks import growth, harvests, pages, peers, reading, sides, speaking, writing
from benchmarks.arithmetic import flop, needed
from benchmarks.bench import Bench, Size
from benchmarks.compare import DisagreementError, in_turn
from benchmarks.efficiency import efficiency_rows
from benchmarks.operators import Profile, profiles
from benchmarks.page import PAGE, parts, read_results, with_figures
from benchmarks.probes import BACKENDS, made_states
from benchmarks.row import Bar, Found, NotRunError, Row, measure_row
from benchmarks.sides import Read, disagreement, harvested, make_task, padded_batches, plain_loop
from benchmarks.sweep import sweep_rows
from benchmarks.table import cells
from benchmarks.tiny_model import write_tiny_llama
from benchmarks.views import PageTimes, Visit
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.loading import load_model

SMALL = Size(questions=4, pairs=2, layers=3, stored=70, read=300, grown=(8, 16, 24), spoken=2, side=64)


@pytest.fixture(scope="module")
def bench(tiny, cache):
    return Bench(load_model(ModelSettings(str(tiny)), cache), cache, SMALL)


@pytest.fixture(scope="module")
def task(bench):
    return make_task(bench, shots=6)


def row(ratios, bar, **more):
    return Row("ours", "theirs", bar, found=Found(ratios, "the same"), **more)


def test_a_bar_is_met_by_the_median_from_the_right_side():
    assert row([1.0, 3.0, 4.0], Bar(3.0)).verdict == "met"
    assert row([1.0, 2.9, 4.0], Bar(3.0)).verdict == "MISSED"
    assert row([1.0, 1.1, 4.0], Bar(1.1, most=True)).verdict == "met"
    assert row([1.0, 1.2, 4.0], Bar(1.1, most=True)).verdict == "MISSED"
    assert row([1.0], None).verdict == "no bar"


def test_a_row_comes_back_from_json_as_it_was():
    before = row([1.0, 3.0], Bar(3.0), share=True)
    assert Row.from_dict(json.loads(json.dumps(before.to_dict()))) == before


def test_a_row_that_cannot_be_told_says_why_and_has_no_figure():
    def differs():
        raise DisagreementError("states differ")

    def missing():
        raise NotRunError("not installed")

    refused, not_run = (measure_row("ours", "theirs", Bar(1.0), work) for work in (differs, missing))
    assert (refused.verdict, refused.missed, refused.ratio) == ("MISSED: states differ", True, None)
    assert (not_run.verdict, not_run.missed, not_run.ratio) == ("not run: not installed", False, None)
    for none in (refused, not_run):
        assert cells(none) == ["ours", "theirs", "at least 1 ×", "", "", "", none.verdict]


def test_pairs_are_of_one_time_and_begin_with_either_side():
    order = []

    def side(name, seconds):
        def work():
            order.append(name)
            return next(seconds), name

        return work

    found = in_turn(side("ours", cycle([1.0, 2.0])), side("theirs", cycle([3.0, 8.0])), 2)
    assert found.ratios == [3.0, 4.0]
    assert order == ["ours", "theirs", "theirs", "ours"]


def test_plain_loop_and_padded_batch_read_what_the_harvest_reads(bench, task):
    ours = harvested(task, bench)[1]
    for side in (plain_loop(bench.loaded), padded_batches(bench.loaded)):
        theirs = side(task.prompts)[1]
        assert theirs.states.shape == (8, 4, 32)
        assert disagreement(ours, theirs, bench.loaded) < 1e-4


def test_no_speed_where_a_state_or_an_answer_differs(bench, task):
    ours = harvested(task, bench)[1]
    states = ours.states.copy()
    states[0, 1] *= 1.001
    with pytest.raises(DisagreementError, match=r"differ by 1\.0e-03"):
        disagreement(ours, Read(states, ours.answers), bench.loaded)
    with pytest.raises(DisagreementError, match="1 of 8 answers differ"):
        disagreement(ours, Read(ours.states, ours.answers + (np.arange(8) == 3)), bench.loaded)


def test_harvest_rows_are_of_every_side_and_stop_at_none(bench, monkeypatch):
    plain = sides.plain_loop

    def wrong(loaded):
        def side(prompts):
            seconds, read = plain(loaded)(prompts)
            return seconds, Read(read.states * 1.01, read.answers, read.normed)

        return side

    def missing(bench):
        raise NotRunError("not installed")

    monkeypatch.setattr(harvests, "plain_loop", wrong)
    monkeypatch.setattr(harvests, "SIDES", dict(list(harvests.SIDES.items())[:2]) | {"a peer": missing})
    rows = list(harvests.harvest_rows(bench))
    assert [row.bar.value for row in rows] == [3.0, 2.3, 2.3, 9.0, 10.0, 10.0]
    assert [row.verdict[:6] for row in rows[::3]] == ["MISSED"] * 2 and not rows[0].found
    assert [row.verdict for row in rows[2::3]] == ["not run: not installed"] * 2
    assert len(rows[1].found.ratios) == 2 and "8 of 8 answers the same" in rows[1].found.checked


@pytest.mark.parametrize("peer", [peers.transformer_lens, peers.nnsight])
def test_a_peer_that_is_not_installed_says_how_to_install_it(bench, monkeypatch, peer):
    def none(package):
        raise peers.PackageNotFoundError(package)

    monkeypatch.setattr(peers, "version", none)
    with pytest.raises(NotRunError, match=r"is not installed; .*\[peers\]"):
        peer(bench)


def test_flop_known_by_hand(bench):
    block = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64
    weights = 3 * block
    assert flop(bench.loaded, 1, 0, heads=0) == 2 * weights + 4 * 32 * 3
    assert flop(bench.loaded, 2, 5, heads=0) == 4 * weights + 4 * 32 * 3 * 13
    assert flop(bench.loaded, 0, 0) == 2 * 32 * 49152


def test_what_is_needed_counts_a_shared_beginning_once_and_the_last_block_at_last_tokens(bench):
    block, keys_and_values, head = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64, 2 * 32 * 16, 2 * 32 * 49152
    one = needed([(5, 6)], bench.loaded)
    assert one == 2 * (5 * block + keys_and_values) + 4 * 32 * (3 + 3 + 2) + head
    two = needed([(5, 6), (5, 7)], bench.loaded)
    assert two - one == 2 * 3 * block + 4 * 32 * 3 * 2 + head
    assert needed([(5, 6), (5, 6)], bench.loaded) == one


def test_arithmetic_is_a_share_of_the_faster_product(bench):
    zero, six = efficiency_rows(bench)
    assert zero.share and zero.bar == Bar(0.9)
    facts = six.found.facts
    assert six.found.ratios == [
        facts["flop_needed"] / seconds / max(rates)
        for seconds, *rates in zip(
            facts["seconds"], facts["product_flops"], facts["product_flops_engine"], strict=True
        )
    ]
    assert facts["flop_needed"] < facts["flop_of_a_plain_loop"] / 2


def test_probes_of_both_sides_agree_on_made_states(bench):
    (found,) = sweep_rows(bench)
    assert len(found.found.ratios) == 2 and found.bar == Bar(10.0)
    assert any(f"joblib by {backend}" in found.found.checked for backend in BACKENDS)


def test_no_speed_where_aurocs_differ(monkeypatch):
    right = probing.looped
    monkeypatch.setattr(probing, "looped", lambda made, backend: right(made, backend) + 0.002)
    with pytest.raises(DisagreementError, match=r"differ by 2\.\de-03"):
        probing.compare_probes(made_states(layers=2, answers=400, dimensions=64), pairs=1)


def test_a_layer_is_read_as_it_was_written_or_not_at_all(bench, monkeypatch):
    (found,) = reading.reading_rows(bench)
    assert len(found.found.ratios) == 2 and "5 layers of 300 answers" in found.found.checked
    right = reading.RunStore.layer
    monkeypatch.setattr(reading.RunStore, "layer", lambda *given: right(*given) + 1)
    assert next(reading.reading_rows(bench)).verdict.startswith("MISSED: the store gives other numbers")


def test_writing_is_set_against_the_harvest_and_a_plain_file(bench):
    harvest, plain = writing.writing_rows(bench)
    assert harvest.bar == Bar(1.0) and plain.bar is None
    assert harvest.found.checked == plain.found.checked and "in blocks of 32 answers" in plain.found.checked


def test_a_harvest_in_a_process_of_its_own_tells_its_peak_memory(bench, tmp_path):
    model = write_tiny_llama(bench.cache, tmp_path / "model", growth.DIMENSIONS)
    found = growth.grow(model, bench.cache, 16)
    assert (found.answers, found.seconds > 0, found.peak > 1e8) == (16, True, True)
    with pytest.raises(TelltaleError, match="failed: telltale: a balanced sample"):
        growth.grow(model, bench.cache, 40_000)


def test_growth_is_of_the_largest_harvest_against_the_middle_one(bench, monkeypatch):
    peaks = {8: 100, 16: 200, 24: 240}

    def grown(model, cache, answers):
        return growth.Grown(answers, 2.0 * answers if answers == 24 else answers, peaks[answers])

    monkeypatch.setattr(growth, "grow", grown)
    time, memory = growth.growth_rows(bench)
    assert (time.found.ratios, time.verdict) == ([2.0, 2.0], "MISSED")
    assert (memory.found.ratios, memory.verdict) == ([1.2, 1.2], "met")
    assert "5 bytes more for each more answer" in memory.found.checked


def test_live_scoring_is_set_against_the_same_words_without_it(bench):
    (found,) = speaking.speaking_rows(bench)
    assert len(found.found.ratios) == 2 and found.bar == Bar(1.10, most=True)
    assert "the same words" in found.found.checked


def test_a_page_is_in_time_where_it_settles_or_soon_says_that_it_works(bench, monkeypatch):
    settles, works, lags = (
        Visit(0.5, s, 1.0, at_work) for s, at_work in ((0.9, False), (9, True), (9, False))
    )
    times = [
        PageTimes("Prune", settles, works, 10**9, ()),
        PageTimes("Probes", lags, settles, 10**9, ("no such run",)),
        PageTimes("Tokens", lags, settles, 10**9, ()),
    ]
    monkeypatch.setattr(pages, "write_made_run", lambda store, shape: SimpleNamespace(run="made"))
    monkeypatch.setattr(pages, "measure_pages", lambda cache, run, names: times)
    rows = list(pages.page_rows(bench))
    assert [row.verdict for row in rows] == ["met", "met", *["MISSED: no such run"] * 2, "MISSED", "met"]
    assert rows[1].found.ratios == [0.5] and rows[4].found.ratios == [1.8]


def test_a_profile_accounts_for_the_whole_time(bench):
    batch, harvest = profiles(bench)
    for profile in (batch, harvest):
        assert 0 <= profile.outside < 1
        assert profile.operators[0].share >= profile.operators[1].share > 0
    assert Profile.from_dict(json.loads(json.dumps(harvest.to_dict()))) == harvest


def test_the_page_has_the_figures_of_the_last_full_run():
    page = PAGE.read_text()
    assert with_figures(page, read_results()) == page


def test_the_page_is_written_from_results_alone(bench):
    met, missed = row([4.0, 3.0, 5.0], Bar(3.0)), row([0.5, 0.4, 0.6], Bar(0.9), share=True)
    results = {
        "model": "tiny",
        "machine": command.machine(bench) | {"minutes": 3},
        "rows": [met.to_dict(), missed.to_dict()],
        "profiles": [],
    }
    text = parts(results)
    assert "| ours | theirs | at least 3 × | 4.00 × | 3.00 × to 5.00 × | 3 | met |" in text["results"]
    assert text["missed"] == "- ours, against theirs: 50% (40% to 60%), and the bar is at least 90%."
    page = with_figures(PAGE.read_text(), results)
    assert all(part in page for part in text.values())
    with pytest.raises(TelltaleError, match="has no marks"):
        with_figures("no page", results)


def test_a_kind_that_fails_is_a_row_and_stops_no_other(bench, monkeypatch, capsys):
    def fails(bench):
        raise TelltaleError("the disk is full")

    def works(bench):
        yield row([2.0], Bar(1.0))

    monkeypatch.setattr(command, "KINDS", {"one": fails, "two": works})
    rows = list(command.measured(bench, ["one", "two"]))
    assert [row.verdict for row in rows] == ["MISSED: the disk is full", "met"]
    assert "ours, theirs, at least 1 ×, 2.00 ×, 2.00 × to 2.00 ×, 1, met" in capsys.readouterr().err
