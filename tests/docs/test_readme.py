"""README's commands are run, in order, as a reader would; and all that docs show is at least understood.

They are run on a tiny random model, and smaller, by the rules of `smaller`; what a reader fills in stands in
`Reader.filled`. What is not run is listed in `NOT_RUN`, with the reason.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.cli import main, parser
from tests.conftest import beside
from tests.docs.written import REST, ROOT, blocks, commands, shown_commands, telltale_words
from tests.exchange.brought import bring

README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NOT_RUN = {
    "make run": "starts a server, which tests/test_makefile.py does",
    "make test": "is what runs this",
    "make faults": "takes an hour; tests/faults/test_faults.py has it run short",
    "python -m build": "builds and installs the wheel, which tests/browser/test_wheel.py does",
    "telltale dashboard": "starts a server, which tests/browser/test_wheel.py does",
}
QUESTIONS = "80"


def smaller(words, model):
    """A command as README has it, made small enough for a test.

    - `--n 200` becomes `--n 80`;
    - a harvest that names no model asks the tiny one;
    - `train-liar` takes its quick recipe, and no exam.
    """
    made = [QUESTIONS if before == "--n" else word for before, word in zip(["", *words], words, strict=False)]
    if made[0] == "harvest" and "--model" not in made:
        made += ["--model", str(model)]
    if made[0] == "train-liar":
        made += ["--quick", "--exam", "0"]
    return made


@dataclass
class Reader:
    """Somebody who types README's commands one after the other, and fills in what earlier ones printed."""

    filled: dict[str, str]
    capture: pytest.CaptureFixture = field(repr=False)

    def type(self, words, model):
        """Run one command; what it made fills a placeholder of later ones.

        A harvest in another style fills that style's name in capitals, any other one fills RUN; a liar's
        folder ends in what fills ID.
        """
        typed = [self.fill(word) for word in smaller(words, model)]
        code = main([*typed, "--json"])
        out, err = self.capture.readouterr()
        assert code == 0, f"telltale {' '.join(typed)}: {err}"
        made = json.loads(out)
        if words[0] == "harvest":
            style = words[words.index("--style") + 1].upper() if "--style" in words else "RUN"
            self.filled[style] = made["run"]
        if words[0] == "train-liar":
            self.filled["ID"] = Path(made["adapter"]).name

    def fill(self, word):
        for name, value in self.filled.items():
            word = re.sub(rf"\b{name}\b", value, word)
        return word


def test_every_command_of_readme_does_what_it_says(tmp_path, cache, tiny, capsys, monkeypatch):
    (tmp_path / "cache").mkdir()
    beside(cache, tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_CACHE", str(tmp_path / "cache"))
    states, labels = bring(tmp_path)
    labels.rename("table.csv")
    assert states.name == "states.npz"
    shutil.copy(ROOT / "tests" / "exchange" / "inspect.eval", "log.eval")
    reader = Reader({"MODEL": str(tiny), "NAME": "kept"}, capsys)
    ran = set()
    for block in blocks(README):
        for words in block:
            if any(" ".join(words).startswith(known) for known in NOT_RUN):
                continue
            told = telltale_words(words)
            assert told is not None, f"README has `{' '.join(words)}`, which nobody runs"
            if "NAME" in told:
                reader.type(["probe", "RUN", "--save", "NAME"], tiny)
            reader.type(told, tiny)
            ran.add(told[0])
    assert {"harvest", "probe", "shifts", "train-liar", "export", "import", "doctor"} <= ran
    assert {"RUN", "TYPOS", "UPPER", "ID"} <= set(reader.filled)


def test_what_make_is_asked_for_and_not_run_is_a_target_of_the_makefile():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = {line.removeprefix("make ") for line in NOT_RUN if line.startswith("make ")}
    assert made and made <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_shows_is_understood(page, capsys):
    for words in shown_commands(page.read_text()):
        if words[0].isupper() or words[0].startswith("-"):
            continue  # `telltale COMMAND`, `telltale --help`
        assert words[0] in commands()
        if REST in words or len(words) == 1:
            options = {option for action in commands()[words[0]]._actions for option in action.option_strings}
            assert {word for word in words if word.startswith("--")} <= options
            continue
        try:
            parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"telltale {' '.join(words)}: {capsys.readouterr().err}")
