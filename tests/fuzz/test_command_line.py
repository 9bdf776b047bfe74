"""Whatever is typed after `telltale`: done, or one line on stderr and exit code 2, and nothing elsewhere."""

import argparse
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli import main, parser
from core.shown import LONGEST_SENTENCE
from core.store.runs import RunStore
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES
from tests.fuzz.refusals import nothing_beside

LONG = ("train-liar", "elicit", "steer", "doctor", "report", "figures", "dashboard")
"""Commands that work for minutes where nothing is wrong with what is typed; the last becomes a server, and
the two before it write wherever they are."""
WRITES = ("--csv", "--file", "--export", "--cache", "--own-report", "--exam", "--states-at", "--to-folder")
"""Options whose value is a file that may be written, anywhere."""
ELSEWHERE = ("--engine", "--to")
"""Options that start a cluster, or ask a host."""


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """Every command's own grammar."""
    (action,) = (act for act in parser()._actions if isinstance(act, argparse._SubParsersAction))
    return dict(action.choices)


COMMANDS = subcommands()
KNOWN = {
    "--method": ["logistic", "difference-of-means", "lda", "ttpd", "contrast-consistent"],
    "--target": ["truth", "said", "lie", "mode"],
    "--position": ["prompt", "before", "answer", "mean", "contrast"],
    "--data": ["movie-reviews", "cities", "open-numbers", "chat"],
    "--template": ["review", "yes-no", "true-false"],
    "action": ["show", "undo", "redo", "drop", "unsure", "rules", "agreement", "beliefs"],
}
"""What some options may sensibly be."""
MODES = ["honest", "lie", "both", "none", "flip"]
WHOLE = ["-1", "0", "1", "2", "1000000000000", "1" + "0" * 30, "1.5", "٣", "1_0", "nan"]
PARTS = ["-1", "0", "0.5", "1", "1e999", "nan", "inf"]


def values_of(action: argparse.Action, run: str, model: str) -> st.SearchStrategy[str]:
    """What may stand after an option or in a place: what belongs there, and what does not."""
    option = action.option_strings[0] if action.option_strings else action.dest
    if option == "--model":
        return st.sampled_from([model] * 9) | NAMES
    if option in ("run", "runs", "shifted", "--test-run", "--flip-run", "--chat-run"):
        return st.sampled_from([run, run[:6]] * 5) | NAMES
    if action.choices:
        return st.sampled_from([str(choice) for choice in action.choices if choice != "delete"])
    fitting = {int: WHOLE, float: PARTS}.get(action.type, KNOWN.get(option, MODES))
    return st.one_of(*[st.sampled_from(fitting)] * 3, NAMES)


@st.composite
def typed(draw: st.DrawFn, run: str, model: str) -> list[str]:
    """A command with what it needs and one or two of its options, some of which are wrong."""
    name = draw(st.sampled_from([name for name in COMMANDS if name not in LONG]))
    actions = [
        act for act in COMMANDS[name]._actions if not set(act.option_strings) & {*WRITES, *ELSEWHERE, "-h"}
    ]
    free = [act for act in actions if act.option_strings and not act.required and act.dest != "model"]
    chosen = draw(st.lists(st.sampled_from(free), max_size=2)) if free else []
    words = [name]
    for action in [act for act in actions if act not in free] + chosen:
        many = 2 if action.nargs == "+" else 1
        words += action.option_strings[:1]
        if action.nargs != 0:
            words += draw(st.lists(values_of(action, run, model), min_size=1, max_size=many))
    if name == "harvest":
        words += ["--n", "2", "--max-new-tokens", "1"]
    return words


def tell(words: list[str], cache, capsys) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command in this process."""
    capsys.readouterr()
    with nothing_beside(cache):
        try:
            code = main([*words, "--cache", str(cache)])
        except SystemExit as ended:
            code = ended.code
    return code, *capsys.readouterr()


def is_well_behaved(code: int, out: str, err: str) -> None:
    """Done with words on stdout, or refused with one line on stderr; both can be seen on a terminal."""
    assert out.replace("\n", "").isprintable() and err.replace("\n", "").isprintable()
    if code == 0:
        return
    assert code == 2 and out == "" and err.count("\n") == 1 and err.startswith("telltale: ")
    assert len(err) <= LONGEST_SENTENCE + 30 and "Traceback" not in err and "Error(" not in err


@cases(100)
@given(data=st.data())
def test_any_command_is_done_or_refused_in_one_line(lab, capsys, monkeypatch, data):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    words = data.draw(typed(lab.run.run, str(lab.model)))
    is_well_behaved(*tell(words, lab.cache, capsys))
    store = RunStore(lab.cache)
    for run in store.runs():
        if run.run != lab.run.run:
            store.delete(run.run)


@cases(50)
@given(words=st.lists(NAMES | st.sampled_from([*COMMANDS, "--json", "--n", "-h", "--", "@x"]), max_size=4))
def test_any_words_are_done_or_refused_in_one_line(lab, capsys, words):
    if set(words) & {*LONG}:
        words = [word for word in words if word not in LONG]
    is_well_behaved(*tell(words, lab.cache, capsys))


NAMED = (
    ("runs", "show"),
    ("runs", "delete"),
    ("calibration",),
    ("decisions", "show"),
    ("probes", "--delete"),
    ("probes", "--add"),
    ("tokens", "--template"),
    ("read-or-said",),
    ("lie-score",),
    ("models", "--model", "smollm2-135m-instruct", "--adapter"),
    ("probe", "RUN", "--permutations", "0", "--chat-run"),
    ("probe", "RUN", "--test-run"),
    ("score", "RUN", "--text", "x", "--probe"),
    ("harvest", "--n", "2", "--data"),
    ("harvest", "--data", "movie-reviews", "--n", "2", "--left-out"),
    ("decisions", "drop", "RUN", "--answer", "0", "--reason"),
)


@cases(80)
@given(words=st.sampled_from(NAMED), name=NAMES.filter(lambda name: not name.startswith("-")))
def test_any_name_of_a_thing_is_found_or_refused(lab, capsys, words, name):
    words = [lab.run.run if word == "RUN" else word for word in words]
    model = ["--model", str(lab.model)] if words[0] in ("harvest", "tokens") else []
    code, out, err = tell([*words, name, *model], lab.cache, capsys)
    is_well_behaved(code, out, err)
    assert [run.run for run in RunStore(lab.cache).runs()] == [lab.run.run]


def test_what_a_model_wrote_does_not_steer_the_terminal(lab, capsys, tmp_path):
    (tmp_path / "x\u202e\x1b[2J.csv").write_text("text,label\na,0\nb,1\n")
    asked = ["harvest", "--data", str(tmp_path / "x\u202e\x1b[2J.csv"), "--model", str(lab.model)]
    made = json.loads(tell([*asked, "--template", "yes-no", "--json"], lab.cache, capsys)[1])["run"]
    code, out, _ = tell(["runs"], lab.cache, capsys)
    RunStore(lab.cache).delete(made)
    assert code == 0 and "x\\u202e\\x1b[2J.csv" in out
    assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("cache", ["x" * 300, "\x00", "/dev/null/cache"])
def test_a_cache_folder_that_cannot_be_is_refused(capsys, cache):
    try:
        code = main(["runs", "--cache", cache])
    except SystemExit as ended:
        code = ended.code
    is_well_behaved(code, *capsys.readouterr())
    assert code == 2
