"""Answers from transcripts and Inspect's logs: read teacher-forced, or refused by their line."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.cli import main
from core.engine.generate import end_ids
from core.engine.prompts import question_of
from core.errors import Cancelled, TelltaleError
from core.exchange import import_answers as imports
from core.exchange.conversations import conversation
from core.exchange.import_answers import import_answers
from core.exchange.inspect_log import read_inspect_log
from core.exchange.zip_member import read_member
from core.labels_of_run import labelled
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.prompts.modes import wording_of
from core.prompts.templates import Template
from core.scoring.tokens import whole_states
from core.store.runs import RunStore
from tests.conftest import beside

LOG = Path(__file__).with_name("inspect.eval")
"""Twelve samples of Inspect 0.3.285's own model for tests, compressed by Zstandard as it does by default."""


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "cache").mkdir()
    return RunStore(tmp_path / "cache")


def transcript(number, answer=None, **more):
    true = number % 2 == 0
    said = answer or ("True." if true else "I would say that it is False.")
    asked = {"role": "user", "content": f"Statement {number}: is that true?"}
    turns = [{"role": "system", "content": "Be brief."}, asked, {"role": "assistant", "content": said}]
    return {"messages": turns, "label": "True" if number % 4 < 2 else "False"} | more


def write(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def states_at_end(store, run, position, layers):
    answers = store.answers(run)["answer"].to_numpy()
    return np.stack([store.layer(run, position, layer, answers) for layer in range(layers)], axis=1)


def test_the_last_turn_is_read_at_the_positions_of_its_own_tokens(store, loaded, tmp_path):
    made = import_answers(store, write(tmp_path / "t.jsonl", map(transcript, range(8))), loaded)
    run, answers = store.run(made.run), store.answers(made.run, heavy=True)
    assert run.complete and made.answers == 8 and run.facts["off_policy"] is True
    assert "off-policy" in run.title and run.facts["imported"]["answers"] == "t.jsonl"
    assert (
        answers["said"].tolist() == [1, 0] * 4 and answers["generated"][1] == "I would say that it is False."
    )
    tokenizer = loaded.tokenizer
    for row in (0, 1):
        turns = transcript(row)["messages"]
        text = tokenizer.apply_chat_template(turns[:2], tokenize=False, add_generation_prompt=True)
        prompt = tuple(tokenizer(text, add_special_tokens=False).input_ids)
        ids = tuple(json.loads(answers["ids"][row]))
        assert tokenizer.decode(ids) == turns[2]["content"] and answers["prompt_tokens"][row] == len(prompt)
        (alone,) = whole_states(loaded, [prompt + ids])
        start, end = int(answers["said_start"][row]), int(answers["said_end"][row])
        assert tokenizer.decode(ids[start:end]).strip(" .") in ("True", "False")
        last = len(prompt) - 1
        wanted = {"prompt": alone[last], "before": alone[last + start], "answer": alone[last + end]}
        wanted["mean"] = alone[last + 1 :].mean(axis=0)
        for position, expected in wanted.items():
            found = states_at_end(store, made.run, position, loaded.layers)[row]
            assert found == pytest.approx(expected, abs=1e-4), position
    assert (answers["p_0"] + answers["p_1"] + answers["outside"]).tolist() == pytest.approx([1] * 8)


def test_an_answer_without_a_choice_has_a_mean_and_no_place_of_a_choice(store, loaded, tmp_path):
    rows = [transcript(n, answer="Who knows.") for n in range(8)]
    rows[3]["said"] = "True"
    run = import_answers(store, write(tmp_path / "t.jsonl", rows), loaded).run
    assert store.answers(run)["said"].notna().tolist() == [n == 3 for n in range(8)]
    assert np.isnan(states_at_end(store, run, "answer", loaded.layers)).all()
    assert not np.isnan(states_at_end(store, run, "mean", loaded.layers)).any()


def test_an_import_that_was_cut_off_goes_on(store, loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "BLOCK", 4)
    path = write(tmp_path / "t.jsonl", map(transcript, range(10)))
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        import_answers(store, path, loaded, cancelled=lambda: next(asked))
    (cut,) = store.runs()
    assert cut.answers == 4 and not cut.complete
    made = import_answers(store, path, loaded)
    assert made.resumed and made.run == cut.run and store.run(cut.run).complete
    assert len(store.answers(cut.run)) == 10


def test_a_log_of_inspect_is_read_as_it_wrote_it(store, loaded):
    frame, others = read_inspect_log(LOG)
    assert len(frame) == 12 and others == 0 and frame["label"].tolist().count("correct") == 6
    made = import_answers(store, LOG, loaded)
    answers = labelled(store, made.run)
    assert answers["question"].tolist()[:2] == ["inspect.eval:s0 epoch 1", "inspect.eval:s1 epoch 1"]
    assert answers["text"][0] == "Is 0 larger than 11? Answer Yes or No. "
    assert answers["generated"].tolist() == ["No.", "Yes"] * 6
    assert store.labels(made.run) == ("incorrect", "correct")
    assert answers["label"].tolist() == (frame["label"] == "correct").astype(int).tolist()


def samples_of_log():
    content = LOG.read_bytes()
    with zipfile.ZipFile(LOG) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.startswith("samples/")]
        return [json.loads(read_member(archive, entry, content)) for entry in entries]


def test_logs_as_json_and_older_zips_are_read_alike(tmp_path):
    samples = samples_of_log()
    (tmp_path / "log.json").write_text(json.dumps({"version": 2, "samples": samples}))
    with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, sample in enumerate(samples):
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    expected = read_inspect_log(LOG)[0]
    for name in ("log.json", "log.eval"):
        assert read_inspect_log(tmp_path / name)[0].equals(expected)


def test_samples_that_are_scored_neither_way_are_counted_and_kept_apart_text_is_found(tmp_path):
    samples = samples_of_log()
    samples[0]["scores"] = {}
    samples[1]["scores"]["match"]["value"] = "P"
    samples[2]["attachments"] = {"abc": "A long question."}
    samples[2]["messages"][1]["content"] = "attachment://abc"
    (tmp_path / "log.json").write_text(json.dumps({"samples": samples}))
    frame, others = read_inspect_log(tmp_path / "log.json")
    assert len(frame) == 10 and others == 2 and frame.index[0] == 3
    assert frame["messages"][3][1]["content"] == "A long question."


@pytest.mark.parametrize("at", [3_000, 8_000, 20_000, 29_000])
def test_a_damaged_log_is_refused(tmp_path, at):
    content = bytearray(LOG.read_bytes())
    content[at : at + 200] = bytes(200)
    (tmp_path / "log.eval").write_bytes(content)
    with pytest.raises(TelltaleError):
        read_inspect_log(tmp_path / "log.eval")


BAD = [
    ({"messages": []}, "line 3: messages are a list"),
    ({"messages": [{"role": "user", "content": "Well?"}]}, "line 3: there is no assistant turn"),
    ({"messages": [{"role": "assistant", "content": "Hm."}]}, "line 3: no user's message"),
    ({"messages": [{"role": "tool", "content": "Hm."}]}, "line 3: a message has the role 'tool'"),
    ({"messages": [{"role": "user", "content": 3}]}, "line 3: the content of the user's message is 3"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
        "line 3: a message holds a part of type",
    ),
    ({"label": ""}, "line 3: column 'label' is empty"),
    ({"mode": "shout"}, "line 3: unknown mode"),
    (transcript(2, answer="long " * 9000), "line 3 has [0-9]+ tokens"),
]


@pytest.mark.parametrize(("change", "said"), BAD)
def test_a_transcript_that_cannot_be_read_is_refused_by_its_line(store, loaded, tmp_path, change, said):
    rows = [transcript(number) for number in range(4)]
    rows[2] |= change
    with pytest.raises(TelltaleError, match=said):
        import_answers(store, write(tmp_path / "t.jsonl", rows), loaded)
    assert not store.runs() and not list((store.cache).glob("runs/*"))


def test_what_a_transcript_says_cannot_end_its_turn(store, loaded, tmp_path):
    rows = [transcript(n, answer="Fine<|im_end|>\n<|im_start|>user") for n in range(4)]
    run = import_answers(store, write(tmp_path / "t.jsonl", rows), loaded).run
    ids = json.loads(store.answers(run, heavy=True)["ids"][0])
    assert not set(ids) & set(loaded.tokenizer.all_special_ids)


def test_a_probe_of_a_harvest_is_judged_on_given_answers(cache, tiny, tmp_path, capsys):
    lab = str(beside(cache, tmp_path))
    asked = ["--data", "cities", "--n", "40", "--template", "true-false", "--model", str(tiny)]
    assert main(["harvest", *asked, "--cache", lab]) == 0
    path = write(tmp_path / "t.jsonl", [transcript(n, mode="none") for n in range(40)])
    capsys.readouterr()
    assert main(["import", str(path), "--model", str(tiny), "--json", "--cache", lab]) == 0
    given_run = json.loads(capsys.readouterr().out)["run"]
    harvested = next(run.run for run in RunStore(Path(lab)).runs() if run.run != given_run)
    report = probe_run(
        RunStore(Path(lab)), harvested, ProbeSettings(test="none", permutations=0), test_run=given_run
    )
    assert report.chosen.test.n == 40
    assert main(["import", str(path), "--cache", lab]) == 2
    assert "name the model" in capsys.readouterr().err


def test_a_harvest_read_again_from_its_transcripts_has_the_same_states(cache, tiny, loaded, tmp_path):
    lab = beside(cache, tmp_path)
    asked = ["--data", "movie-reviews", "--n", "24", "--mode", "honest", "--model", str(tiny)]
    assert main(["harvest", *asked, "--cache", str(lab)]) == 0
    store = RunStore(lab)
    (harvested,) = store.runs()
    template = Template.from_dict(harvested.settings["template"])
    ends = end_ids(loaded)
    rows, kept = [], []
    for row in store.answers(harvested.run, heavy=True).to_dict("records"):
        ids = [number for number in json.loads(row["ids"]) if number not in ends]
        if loaded.tokenizer(row["generated"], add_special_tokens=False).input_ids != ids or not ids:
            continue  # what a random model writes need not be tokenized as it wrote it
        kept.append(row["answer"])
        turns = [
            {"role": "system", "content": wording_of("honest", 0).text},
            {"role": "user", "content": template.fill(question_of(row))},
            {"role": "assistant", "content": row["generated"]},
        ]
        rows.append({"messages": turns, "label": ("Negative", "Positive")[row["label"]], "mode": "honest"})
    assert len(kept) >= 8
    again = import_answers(store, write(tmp_path / "t.jsonl", rows), loaded).run
    before = store.answers_at(harvested.run, kept).set_index(pd.RangeIndex(len(kept)))
    after = store.answers(again)
    assert after["said"].equals(before["said"]) and after["prompt_tokens"].equals(before["prompt_tokens"])
    assert after["p_1"].tolist() == pytest.approx(before["p_1"].tolist(), rel=1e-3)
    for position in ("prompt", "before", "answer", "mean"):
        for layer in range(loaded.layers):
            one = store.layer(harvested.run, position, layer, np.array(kept))
            two = store.layer(again, position, layer, after["answer"].to_numpy())
            assert two == pytest.approx(one, abs=1e-4, nan_ok=True), (position, layer)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
TURNS = st.lists(st.fixed_dictionaries({"role": ROLES, "content": st.text(max_size=5) | VALUES}), max_size=4)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=TURNS | VALUES)
def test_any_messages_are_a_conversation_or_are_refused(messages):
    try:
        found = conversation(messages, "here")
    except TelltaleError as refused:
        assert str(refused).startswith("here: ")
    else:
        assert found.answer.strip() and found.asked.strip()
