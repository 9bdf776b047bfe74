"""Answers in a file, as a person brings them: what it holds, before any model reads them."""

from dataclasses import dataclass
from pathlib import Path

from core.data.tables import read_table
from core.errors import DataError
from core.exchange.conversations import TRANSCRIPTS, Conversation, answers_table, conversations_of
from core.exchange.imported_answers import ImportedAnswers, imported_answers
from core.exchange.inspect_log import LABELS, SUFFIXES, read_inspect_log
from core.shown import named


@dataclass(frozen=True, eq=False)
class Transcripts:
    """The answers of a file.

    Attributes:
        conversations: one for each answer; places: where in the file each stands.
        without_label: how many of a log's samples were scored neither correct nor incorrect.
    """

    path: Path
    answers: ImportedAnswers
    conversations: list[Conversation]
    places: list[str]
    without_label: int


def holds_answers(path: Path) -> bool:
    """Whether a file is of a kind that holds answers, and not states, by its name."""
    return path.suffix.lower() in (TRANSCRIPTS, *SUFFIXES)


def read_transcripts(path: Path) -> Transcripts:
    """The answers in a file, with what came before each.

    Raises:
        DataError: it is of another kind, damaged, or holds what is no transcript with a label.
    """
    names, without = None, 0
    if path.suffix.lower() in SUFFIXES:
        frame, without = read_inspect_log(path)
        names = LABELS
    elif path.suffix.lower() == TRANSCRIPTS:
        frame = read_table(path)
    else:
        raise DataError(
            f"{named(path.name)} holds no answers: choose {TRANSCRIPTS} or {' or '.join(SUFFIXES)}"
        )
    found = conversations_of(frame, path.name)
    answers = imported_answers(answers_table(frame, found), path.name, "text", "label", names)
    unit = frame.index.name or "row"
    places = [f"{named(path.name)} {unit} {place}" for place in frame.index]
    return Transcripts(path, answers, found, places, without)
