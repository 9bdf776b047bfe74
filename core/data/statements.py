"""Statements that people type to be scored: a sentence, or a question with an answer that may be a lie."""

import re
from dataclasses import dataclass

from core.errors import DataError
from core.shown import quoted

MOST = 200
LONGEST = 4000
QUESTION = re.compile(r"q(?:uestion)?\s*:", re.I)
ANSWER = re.compile(r"\|\s*a(?:nswer)?\s*:", re.I)
"""Two expressions, each of which goes through a line once: one for both takes the cube of a line's spaces."""


@dataclass(frozen=True)
class Statement:
    """One thing to score.

    Attributes:
        text: the statement, or the answer to `question`.
        question: what it answers; None where it stands alone.
        label: what is expected: 1 true, 0 false (of a review: positive, negative); None where not known.

    Raises:
        DataError: an empty or over-long text, or a label that is none of these.
    """

    text: str
    question: str | None = None
    label: int | None = None

    def __post_init__(self) -> None:
        for part, what in ((self.text, "a statement"), (self.question, "a question")):
            if part is None:
                continue
            if not part.strip():
                raise DataError(f"{what} is empty: type something to score")
            if len(part) > LONGEST:
                raise DataError(f"{what} has {len(part)} characters: the longest is {LONGEST}")
            try:
                part.encode()
            except UnicodeEncodeError as error:
                raise DataError(f"{what} holds bytes that are no text: save it as UTF-8") from error
        if self.label is not None and (isinstance(self.label, bool) or self.label not in (0, 1)):
            raise DataError(f"an expected label is 1 (true), 0 (false) or left out, not {quoted(self.label)}")


def parse_statements(text: str, choices: tuple[str, str] | None = None) -> list[Statement]:
    """Statements as people type them, one per line; empty lines are skipped.

    A line is a statement, a pair `Q: … | A: …`, or a pair in two columns with a tab between. It may begin
    with what is expected of it: `true:` or `false:`, `T:` or `F:`.

    Args:
        choices: the run's own names for the two labels, negative first; they are read as expected labels too
            (`Positive: …`).

    Raises:
        DataError: nothing typed, more than 200 lines, or a line that cannot be used; names the line.
    """
    names = {"true": 1, "t": 1, "false": 0, "f": 0}
    for label, choice in enumerate(choices or ()):
        names[choice.strip().casefold()] = label
    expected = re.compile(rf"({'|'.join(map(re.escape, names))})\s*:\s*", re.I)
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    filled = [(number, line.strip(" ")) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        raise DataError("there is no statement: type at least one, each on a line of its own")
    if len(filled) > MOST:
        raise DataError(f"there are {len(filled)} statements: score at most {MOST} at once")
    return [_statement(number, line, names, expected) for number, line in filled]


def _statement(number: int, line: str, names: dict[str, int], expected: re.Pattern) -> Statement:
    label = None
    if found := expected.match(line):
        label, line = names[found[1].casefold()], line[found.end() :]
    question: str | None = None
    asked = QUESTION.match(line)
    if asked and (answered := ANSWER.search(line, asked.end())):
        question, line = line[asked.end() : answered.start()], line[answered.end() :]
    elif line.count("\t") == 1:
        question, line = line.split("\t")
    elif "\t" in line:
        raise DataError(f"line {number} has {line.count(chr(9)) + 1} columns: give a question and an answer")
    elif asked:
        raise DataError(f"line {number} has a question without an answer: write `Q: … | A: …`")
    try:
        return Statement(line.strip(), None if question is None else question.strip(), label)
    except DataError as error:
        raise DataError(f"line {number}: {error}") from error
