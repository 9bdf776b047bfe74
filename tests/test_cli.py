"""The command line as a person uses it: what it prints, and how it refuses."""

import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import setup
from core.cli import main, plain
from core.prompts.modes import MODES
from core.prompts.templates import Template
from core.store.runs import RunStore
from core.store.saved import SavedStore
from tests.conftest import beside

TELLTALE = str(Path(sys.executable).with_name("telltale"))
REVIEWS = ["harvest", "--data", "movie-reviews", "--n", "40"]


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with one finished run of the tiny model."""
    folder = beside(cache, tmp_path_factory.mktemp("lab"))
    assert main([*REVIEWS, "--model", str(tiny), "--cache", str(folder)]) == 0
    return folder


@pytest.fixture
def run(lab):
    return next(run.run for run in RunStore(lab).runs() if run.answers == 80)


@pytest.fixture
def tell(lab, capsys):
    """Runs a command that succeeds, with --json; gives the one object on stdout."""

    def call(*arguments, code=0):
        assert main([*map(str, arguments), "--json", "--cache", str(lab)]) == code
        out, err = capsys.readouterr()
        assert err == "" and out.count("\n") == 1
        return json.loads(out, parse_constant=pytest.fail)

    return call


@pytest.fixture
def refuse(lab, capsys):
    """Runs a command that is refused; gives its one line, without `telltale: `."""

    def call(*arguments, cache=lab):
        try:
            code = main([*map(str, arguments), "--cache", str(cache)])
        except SystemExit as error:
            code = error.code
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        assert err.startswith("telltale: ") and err.count("\n") == 1 and err.endswith("\n")
        assert len(err) > 20 and "Error" not in err
        return err.removeprefix("telltale: ").strip()

    return call


def test_models_tells_size_and_adapter(tell, tiny):
    (model,) = tell("models", "--model", tiny)["models"]
    assert model["name"] == "tiny" and model["id"] == str(tiny)
    assert (model["blocks"], model["d_model"], model["adapter"]) == (3, 32, None)
    assert model["parameters"] == 3_173_600


def test_tokens_lists_every_spelling_of_both_choices(tell, tiny):
    negative, positive = tell("tokens", "--template", "review", "--model", tiny)["choices"]
    assert (negative["choice"], positive["choice"]) == ("Negative", "Positive")
    texts = {spelling["text"] for spelling in positive["spellings"]}
    assert {"Positive", " Positive", "positive", " positive"} <= texts
    assert all(set(spelling) == {"text", "ids", "token"} for spelling in positive["spellings"])


def test_harvest_gives_its_names_and_finds_itself_again(tell, tiny, run):
    found = tell(*REVIEWS, "--model", tiny)
    assert {"run", "answers", "seconds", "answers_per_second", "resumed"} <= set(found)
    assert (found["run"], found["answers"], found["resumed"]) == (run, 80, True)


def test_a_relative_path_names_the_same_model(tell, tiny, run, monkeypatch):
    monkeypatch.chdir(tiny.parent)
    assert tell(*REVIEWS, "--model", "tiny")["run"] == run


def test_runs_are_listed_and_shown_under_their_names(tell, run):
    listed = next(entry for entry in tell("runs")["runs"] if entry["run"] == run)
    shown = tell("runs", "show", run[:8])
    assert shown == listed == next(e for e in tell("runs", "list")["runs"] if e["run"] == run)
    names = {"run", "model", "adapter", "template", "state", "answers", "honest", "lie", "dropped"}
    assert names <= set(shown)
    assert (shown["model"], shown["template"], shown["state"]) == ("tiny", "review", "complete")
    for mode in ("honest", "lie"):
        assert {"n", "as_instructed", "ci", "readable"} <= set(shown[mode])
        assert shown[mode]["n"] == 40


@pytest.mark.parametrize(
    ("content", "template", "form"),
    [
        ("text,label\nIce is cold.,True\nFire is wet.,False\n", "true-false", "direct"),
        ("text,label\nBuy now!,spam\nSee you at six.,ham\n", "true-false", "claim"),
        ("text,label\nBuy now!,spam\nSee you at six.,ham\n", "yes-no", "direct"),
    ],
)
def test_the_form_suits_template_and_labels(tell, tiny, lab, tmp_path, content, template, form):
    (tmp_path / "mine.csv").write_text(content)
    made = tell("harvest", "--data", tmp_path / "mine.csv", "--template", template, "--model", tiny)["run"]
    store = RunStore(lab)
    assert store.run(made).settings["data"]["form"] == form
    assert store.answers(made)["claim"].notna().all() == (form == "claim")
    store.delete(made)


def test_a_deleted_run_is_gone(tell, refuse, tiny, lab):
    made = tell(*REVIEWS[:3], "--n", 4, "--model", tiny)["run"]
    assert tell("runs", "delete", made) == {"run": made, "deleted": True}
    assert "no run" in refuse("runs", "show", made)
    assert not (lab / "runs" / made).exists()


def test_decisions_are_made_undone_redone_exported_and_imported(tell, run, tmp_path):
    file = tmp_path / "decisions.csv"
    dropped = tell("decisions", "drop", run, "--answer", 0, "--answer", 5, "--reason", "duplicate")
    assert [(d["answer"], d["action"], d["reason"], d["blind"]) for d in dropped["decisions"]] == [
        (answer, "drop", "duplicate", True) for answer in (0, 5)
    ]
    assert tell("runs", "show", run)["dropped"] == 2
    assert len(tell("decisions", "export", run, "--file", file)["decisions"]) == 2
    header, *lines = file.read_text().splitlines()
    assert header == "answer,action,reason,who,at,scores_shown,blind,everywhere,origin,run"
    assert [line.split(",")[:3] for line in lines] == [["0", "drop", "duplicate"], ["5", "drop", "duplicate"]]
    assert tell("decisions", "undo", run)["decisions"] == []
    assert len(tell("decisions", "redo", run)["decisions"]) == 2
    kept = tell("decisions", "keep", run, "--answer", 0)["decisions"]
    assert [entry["action"] for entry in kept] == ["keep", "drop"]
    tell("decisions", "undo", run)
    tell("decisions", "undo", run)
    file.write_text("\ufeff" + file.read_text())  # as a spreadsheet saves it
    assert len(tell("decisions", "import", run, "--file", file)["decisions"]) == 2
    tell("decisions", "undo", run)
    assert tell("decisions", "show", run)["decisions"] == []


def test_rules_are_counted_applied_as_one_step_and_taken_back(tell, refuse, run):
    listed = tell("decisions", run, "rules")
    counts = {rule["name"]: rule for rule in listed["rules"]}
    assert listed["answers"] == 80 and listed["new"] == 0 and not listed["applied"]
    asked = ["decisions", run, "rules", "--rule", "no choice given", "--rule", "belief unsure"]
    unread = counts["no choice given"]["marks"]
    assert 0 < unread <= tell(*asked)["new"] and tell("decisions", "show", run)["decisions"] == []
    assert tell(*asked, "--apply")["applied"]
    standing = tell("decisions", "show", run)["decisions"]
    assert sum(entry["reason"] == "no choice given" for entry in standing) == unread
    assert {entry["origin"] for entry in standing} == {"rules"}
    assert "nothing that is not decided already" in refuse(*asked, "--apply")
    assert tell("decisions", "undo", run)["decisions"] == []
    assert "--apply needs --rule" in refuse("decisions", run, "rules", "--apply")
    assert "unknown rule 'bogus'" in refuse("decisions", run, "rules", "--rule", "bogus")


def test_two_people_prune_one_run_and_are_compared(tell, run):
    tell("decisions", "drop", run, "--answer", 1, "--answer", 2, "--who", "ann")
    tell("decisions", "keep", run, "--answer", 2, "--answer", 3, "--who", "ben")
    tell("decisions", "unsure", run, "--answer", 1, "--who", "ben")
    found = tell("decisions", run, "agreement")
    (pair,) = found["pairs"]
    assert pair["people"] == ["ann", "ben"] and pair["n"] == 2 and pair["agree"] == 0
    assert [row["answer"] for row in found["disagreements"]] == [1, 2]
    assert {d["answer"]: d["action"] for d in tell("decisions", "show", run)["decisions"]} == {
        1: "unsure",
        2: "keep",
        3: "keep",
    }
    assert len(tell("decisions", "undo", run, "--who", "ann")["decisions"]) == 3
    for _ in range(2):
        tell("decisions", "undo", run, "--who", "ben")
    assert tell("decisions", "show", run)["decisions"] == []


def test_what_the_model_believes_is_told_with_its_margin_and_chance(tell, refuse, run):
    found = tell("decisions", run, "beliefs")
    assert found["n"] == 40 and found["basis"] == "single" and 0 <= found["chance"] <= 1
    shown = tell("runs", "show", run)
    assert shown["beliefs"] == {name: value for name, value in found.items() if name != "run"}
    assert set(shown["lie"]["known"]) == {"n", "readable", "as_instructed", "ci", "lies", "lies_n", "lies_ci"}
    assert tell("decisions", run, "beliefs", "--margin", 0.9)["margin"] == 0.9
    assert tell("runs", "show", run)["beliefs"]["margin"] == 0.9
    assert "no majority" in refuse("decisions", run, "beliefs", "--margin", 0.5)
    tell("decisions", run, "beliefs", "--margin", 2 / 3)


@pytest.mark.parametrize("method", ["logistic", "difference-of-means", "lda"])
def test_probe_gives_its_names(tell, run, method):
    found = tell("probe", run, "--method", method, "--permutations", 2)
    keys = (
        "run method target train test position layer auroc auroc_ci accuracy n_train n_test layers controls"
    )
    assert set(keys.split()) <= set(found)
    assert (found["method"], found["n_train"], found["n_test"]) == (method, 20, 12)
    assert [entry["layer"] for entry in found["layers"]] == [0, 1, 2, 3]
    assert all({"layer", "auroc", "accuracy", "auroc_ci"} <= set(entry) for entry in found["layers"])
    assert found["layers"][found["layer"]]["auroc"] == found["auroc"]
    for name in ("permuted", "output", "text"):
        assert {"auroc", "auroc_ci"} <= set(found["controls"][name])


def test_read_or_said_gives_its_names_and_writes_a_table(tell, run, tmp_path):
    found = tell("read-or-said", run, "--resamples", 3, "--csv", tmp_path / "layers.csv")
    assert {"run", "position", "sentence", "crossover", "n", "groups", "apart", "last_common_layer"} <= set(
        found
    )
    assert found["n"] == {"honest": 40, "lie": 40} and found["last_common_layer"] is None
    assert [entry["layer"] for entry in found["layers"]] == [0, 1, 2, 3]
    table = pd.read_csv(tmp_path / "layers.csv")
    assert list(table["layer"]) == [0, 1, 2, 3]
    assert table["truth_both"].tolist() == pytest.approx([e["truth_both"] for e in found["layers"]], abs=1e-5)
    # A random model says no choice that could be told from the truth; a lens it has all the same.
    assert found["apart"] in found["sentence"] and found["crossover"] is None
    assert table["beta_read"].isna().all() and table["truth_lens"].notna().all()
    assert tell("read-or-said", run, "--resamples", 3) == found


def test_export_writes_answers_and_states(tell, run, lab, tmp_path):
    assert tell("export", run, "--file", tmp_path / "a.csv")["answers"] == 80
    table = pd.read_csv(tmp_path / "a.csv")
    assert len(table) == 80 and {"text", "mode", "said", "label", "lie", "flag"} <= set(table.columns)
    tell("export", run, "--file", tmp_path / "s.npy", "--layer", 2)
    states = np.load(tmp_path / "s.npy")
    assert states.shape == (80, 32)
    assert np.array_equal(states, RunStore(lab).layer(run, "prompt", 2, table["answer"].to_numpy()))


def test_doctor_checks_models_data_and_store(tell):
    found = tell("doctor")
    assert found["ok"] is True
    names = {check["name"] for check in found["checks"] if check["ok"]}
    assert {"python", "torch", "embedded model", "reviews", "model loads", "store"} <= names
    assert all({"name", "ok", "detail"} == set(check) for check in found["checks"])


def test_doctor_says_what_is_missing_and_exits_with_1(capsys, tmp_path):
    (tmp_path / "telltale.sqlite").write_text("this is no database, however long it may be" * 50)
    assert main(["doctor", "--json", "--cache", str(tmp_path)]) == 1
    found = json.loads(capsys.readouterr().out)
    bad = {check["name"]: check["detail"] for check in found["checks"] if not check["ok"]}
    assert not found["ok"] and set(bad) == {"embedded model", "reviews", "store"}
    assert "make setup" in bad["reviews"] and "not a database" in bad["store"]


BAD_NUMBERS = {
    "--n 0": "at least 1",
    "--n -5": "at least 1",
    "--n 99999999": "2754 at most",
    "--n five": "invalid int value: 'five'",
    "--shots -1": "cannot draw -1",
    "--shots 99999": "too few questions",
    "--shots 30": "context of 512",
    "--temperature nan": "temperature nan",
    "--temperature inf": "temperature inf",
    "--temperature -1": "temperature -1",
    "--samples 0": "0 samples",
    "--samples 2": "needs a temperature",
    "--samples 9999999 --temperature 1": "choose 1 to 1000",
    "--max-new-tokens 0": "choose 1 to 32",
    "--max-new-tokens 33": "choose 1 to 32",
    "--seed -1": "seed -1",
    "--order 2": "invalid choice: 2",
}


@pytest.mark.parametrize("typed", BAD_NUMBERS)
def test_bad_numbers_are_refused(refuse, tiny, lab, typed):
    before = len(RunStore(lab).runs())
    assert BAD_NUMBERS[typed] in refuse(*REVIEWS, *typed.split(), "--model", tiny)
    assert len(RunStore(lab).runs()) == before


BAD_NAMES = {
    "--mode bogus": "unknown mode 'bogus': choose from honest, lie, none",
    "--wording 999": f"wordings 0 to {len(MODES['honest'].wordings) - 1}",
    "--wording -1": f"wordings 0 to {len(MODES['honest'].wordings) - 1}",
    "--position bogus": "unknown position 'bogus': choose from prompt, before, answer, mean",
    "--position answer": "'prompt' is always read",
    "--template bogus": "no template 'bogus': choose review",
    "--text-column text": "movie-reviews is built in",
    "--split train": "no splits",
    "--adapter nowhere": "not an adapter folder",
    "--four-bit": "needs a CUDA device",
    "--nonsense": "unrecognized arguments: --nonsense",
}


@pytest.mark.parametrize("typed", BAD_NAMES)
def test_unknown_names_are_refused_with_what_there_is(refuse, tiny, typed):
    assert BAD_NAMES[typed] in refuse(*REVIEWS, *typed.split(), "--model", tiny)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("bogus", "unknown data 'bogus': choose movie-reviews"),
        ("", "unknown data ''"),
        ("hub:bogus", "unknown hub set 'bogus'"),
        ("nowhere.csv", "No such file"),
    ],
)
def test_unknown_data_is_refused(refuse, tiny, data, why):
    assert why in refuse("harvest", "--data", data, "--model", tiny)


UPLOADS = {
    "empty.csv": ("", "empty.csv is empty"),
    "headed.csv": ("text,label\n", "has no rows"),
    "quotes.csv": ('text,label\n"a,x\nb', "line 2"),
    "ragged.csv": ("text,label\na,b,c\n", "line 2: 3 values"),
    "three.csv": ("text,label\na,x\nb,y\nc,z\n", "has 3 values (x, y, z)"),
    "one.csv": ("text,label\na,x\nb,x\n", "has 1 value"),
    "blank.csv": ("text,label\na,x\n,y\n", "line 3: column 'text' is empty"),
    "not.jsonl": ('{"text": "a", "label": 0}\n{"text"\n', "line 2: not JSON"),
    "not.parquet": ("PAR1", "not a Parquet file"),
    "long.csv": (
        "text,label\n" + "".join(f"{'word ' * (600 if n == 3 else 2)}{n},{n % 2}\n" for n in range(9)),
        "question long.csv:4 has",
    ),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_an_upload_that_cannot_be_asked_is_refused(refuse, tiny, tmp_path, lab, name):
    content, why = UPLOADS[name]
    (tmp_path / name).write_text(content)
    before = len(RunStore(lab).runs())
    assert why in refuse("harvest", "--data", tmp_path / name, "--model", tiny)
    assert len(RunStore(lab).runs()) == before


TEMPLATES = {
    "slotless": ({"body": "Which is it?", "choices": ["No", "Yes"]}, "has no {text} or {statement} slot"),
    "unknown": ({"body": "{text} {foo}", "choices": ["No", "Yes"]}, "unknown slot {foo}"),
    "twice": ({"body": "{text}", "choices": ["Yes", "yes"]}, "offers 'Yes' twice"),
    "shared": ({"body": "{text}", "choices": ["sır", "sir"]}, "share their tokens"),
    "lacking": ({"body": "{text}"}, "two choices"),
    "listed": ([1], "not an object"),
}


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("command", ["tokens", "harvest"])
def test_a_template_that_cannot_ask_is_refused(refuse, tiny, tmp_path, name, command):
    values, why = TEMPLATES[name]
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(values))
    asked = REVIEWS if command == "harvest" else [command]
    assert why in refuse(*asked, "--template", file, "--model", tiny)


def test_a_saved_template_is_found_by_its_name(tell, tiny, lab):
    SavedStore(lab).save_template(Template("mine", "{text}\nGood or bad?", ("Bad", "Good")))
    choices = tell("tokens", "--template", "mine", "--model", tiny)["choices"]
    assert [entry["choice"] for entry in choices] == ["Bad", "Good"]


BAD_PROBES = {
    "--train bogus": "no mode 'bogus': choose honest, lie or both",
    "--train none": "no mode 'none'",
    "--test bogus": "no mode 'bogus'",
    "--method bogus": "unknown method 'bogus'",
    "--target bogus": "unknown target 'bogus'",
    "--target mode": "one class of target 'mode'",
    "--target said": "'said'",
    "--position bogus": "unknown position 'bogus'",
    "--position ../prompt": "unknown position '../prompt'",
    "--permutations -1": "choose 0 to 10000",
    "--permutations 99999999": "choose 0 to 10000",
    "--test-run nope": "no run 'nope'",
}


@pytest.mark.parametrize("typed", BAD_PROBES)
def test_a_probe_that_makes_no_sense_is_refused(refuse, run, typed):
    assert BAD_PROBES[typed] in refuse("probe", run, *typed.split())


@pytest.mark.parametrize(
    ("typed", "why"),
    [("--resamples 0", "choose 1 to 2,000"), ("--position middle", "unknown position 'middle'")],
)
def test_read_or_said_that_makes_no_sense_is_refused(refuse, run, typed, why):
    assert why in refuse("read-or-said", run, *typed.split())


def test_a_probe_with_one_class_left_after_pruning_is_refused(tell, refuse, run, lab, tmp_path):
    answers = RunStore(lab).answers(run)
    positive = answers["answer"][answers["label"] == 1]
    file = tmp_path / "all-positive.csv"
    file.write_text("answer,action,reason\n" + "".join(f"{answer},drop,duplicate\n" for answer in positive))
    tell("decisions", "import", run, "--file", file)
    try:
        assert "one class of target 'truth' left" in refuse("probe", run)
    finally:
        tell("decisions", "undo", run)


def test_a_probe_is_not_judged_on_another_models_run(refuse, run, lab):
    store = RunStore(lab)
    facts = store.run(run).facts | {"model": "another"}
    store.begin("f" * 12, store.run(run).settings, facts, 80, [])
    try:
        assert "runs of its own model" in refuse("probe", run, "--test-run", "f" * 12)
        assert "no answers" in refuse("probe", "f" * 12)
    finally:
        store.delete("f" * 12)


@pytest.mark.parametrize(
    "command", ["probe", "read-or-said", "export --file x.csv", "decisions show", "runs show", "runs delete"]
)
def test_a_run_that_does_not_exist_is_refused(refuse, command):
    name, *rest = command.split()
    action = rest if name in ("runs", "decisions") else []
    assert "no run 'nope'" in refuse(name, *action, "nope", *(rest if not action else []))


DECISIONS = {
    "drop": "no answers were chosen",
    "drop --answer -1": "no answer -1",
    "drop --answer 99999999999999999999": "no answer 99999999999999999999",
    "drop --answer 0 --reason bogus": "unknown reason 'bogus'",
    "burn --answer 0": "unknown action 'burn'",
    "undo": "nothing to undo",
    "redo": "nothing to redo",
    "export": "needs --file",
    "import": "needs --file",
    "import --file nowhere": "No such file",
}


@pytest.mark.parametrize("typed", DECISIONS)
def test_decisions_that_cannot_be_made_are_refused(tell, refuse, tiny, typed):
    fresh = tell(*REVIEWS[:3], "--n", 6, "--model", tiny)["run"]
    action, *rest = typed.split()
    assert DECISIONS[typed] in refuse("decisions", action, fresh, *rest)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no column 'action'"),
        ("answer\n1\n", "no column 'action'"),
        ("answer,action\n", "no rows"),
        ("answer,action\n99999,drop\n", "line 2: this run has no answer '99999'"),
        ("answer,action\n0,drop\n1,burn\n", "line 3: unknown action 'burn'"),
        ("answer,action\n" + "9" * 200_000 + ",drop\n", "field larger"),
    ],
)
def test_a_decisions_file_is_taken_whole_or_not_at_all(tell, refuse, run, tmp_path, content, why):
    (tmp_path / "d.csv").write_text(content)
    assert why in refuse("decisions", "import", run, "--file", tmp_path / "d.csv")
    assert tell("decisions", "show", run)["decisions"] == []


def test_an_export_that_cannot_be_written_is_refused(refuse, run, tmp_path):
    assert "cannot be written" in refuse("export", run, "--file", tmp_path / "no" / "a.csv")
    assert "cannot be written" in refuse("export", run, "--file", tmp_path, "--layer", 1)
    assert "no layer 99: choose 0 to 3" in refuse("export", run, "--file", tmp_path / "a.npy", "--layer", 99)
    assert not list(tmp_path.iterdir())


def test_a_cache_folder_that_cannot_be_written_is_refused(refuse, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert "cannot be made" in refuse("runs", cache=tmp_path / "file" / "cache")
    monkeypatch.setattr("core.paths.os.access", lambda *_: False)  # root may write anywhere
    assert "is not writable: choose another with --cache" in refuse("runs", cache=tmp_path)


@pytest.mark.parametrize("folder", ["~no-such-user/x", "a\nb" * 300])
def test_a_cache_folder_that_is_none_is_refused_in_a_sentence(refuse, folder):
    said = refuse("runs", cache=folder)
    assert "cannot be made" in said and len(said) < 800


def test_a_disk_error_is_one_line(refuse, run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "probes.part")

    monkeypatch.setattr("core.derived.joblib.dump", full)
    assert refuse("probe", run, "--permutations", 3) == "probes.part: No space left on device"


@pytest.mark.parametrize(
    "typed", ["", "bogus", "runs bogus", "runs list extra", "runs show", "score", "tokens"]
)
def test_commands_that_are_no_commands_are_refused(refuse, typed):
    refuse(*typed.split())


@pytest.mark.parametrize("broken", ["\udcff", "a\0b", "two\nlines"])
def test_text_that_no_file_or_database_holds_is_refused(refuse, broken):
    refuse("runs", "show", broken)


def test_json_has_no_nan_and_no_numpy():
    made = plain({"a": np.float32(0.5), "b": [float("nan"), np.int64(3)], "c": (np.bool_(True), None)})
    assert json.dumps(made) == '{"a": 0.5, "b": [null, 3], "c": [true, null]}'


def test_the_program_itself_prints_one_object_and_nothing_on_stderr(lab, tiny):
    asked = [
        TELLTALE,
        "harvest",
        "--data",
        "numbers",
        "--n",
        "8",
        "--template",
        "yes-no",
        "--model",
        str(tiny),
    ]
    done = subprocess.run([*asked, "--json", "--cache", str(lab)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["answers"] == 16


BREAKS = """
import sys
from core import cli, errors
from core.commands import probing

def fail(*_, progress, **__):
    progress(0.5, "layer 1")
    raise errors.ProbeError("it broke")

probing.probe_run = fail
sys.exit(cli.main(sys.argv[1:]))
"""


def test_on_a_terminal_bars_go_to_stderr_and_are_gone_before_a_refusal(lab, run):
    shown, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [sys.executable, "-c", BREAKS, "probe", run, "--cache", str(lab)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    written = b""
    while b"it broke" not in written:
        written += os.read(shown, 4096)
    os.close(shown)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"layer 1" in written
    last_line = written.decode().replace("\r\n", "\n").strip("\n").split("\r")[-1]
    assert last_line == "telltale: it broke"


def test_setup_that_cannot_write_or_fetch_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["setup", "--cache", str(tmp_path / "file" / "cache")])
    assert setup.main() == 2
    assert capsys.readouterr().err.startswith("telltale: the cache folder")

    def broken(*_):
        raise OSError(28, "No space left on device", "model.gguf")

    monkeypatch.setattr(sys, "argv", ["setup", "--cache", str(tmp_path / "cache")])
    monkeypatch.setattr(setup, "fetch_embedded", broken)
    assert setup.main() == 2
    assert capsys.readouterr().err == "telltale: model.gguf: No space left on device\n"


LOADED = """
import sys
from core import cli
try:
    code = cli.main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
sys.exit(code or (" ".join({"torch", "sklearn", "umap", "datasets"} & set(sys.modules)) or 0))
"""


@pytest.mark.parametrize("typed", [["--help"], ["runs", "list"]])
def test_what_needs_no_model_imports_no_torch(typed, tmp_path):
    cache = [] if typed == ["--help"] else ["--cache", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", LOADED, *typed, *cache], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
