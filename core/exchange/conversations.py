"""Chat transcripts: what came before the last assistant turn, and that turn, which is the answer.

JSON lines, each {"messages": [{"role": …, "content": …}, …], "label": …}; other columns are as in a table of
answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.errors import DataError
from core.exchange.imported_answers import GENERATED, QUESTION_ID
from core.shown import named, quoted

MESSAGES, LABEL, TEXT = "messages", "label", "text"
TRANSCRIPTS = ".jsonl"
ROLES = ("system", "user", "assistant")
MOST_MESSAGES = 1_000


@dataclass(frozen=True)
class Conversation:
    """A transcript up to its answer.

    Attributes:
        before: role and text of each message before the answer.
        answer: the text of the last assistant turn.
    """

    before: tuple[tuple[str, str], ...]
    answer: str

    @property
    def asked(self) -> str:
        """What the user said last."""
        return next(text for role, text in reversed(self.before) if role == "user")


def conversation(messages: Any, where: str) -> Conversation:
    """The conversation in a list of messages; what follows the last assistant turn is left out.

    Args:
        where: of the file it stands, for whoever has to mend it.

    Raises:
        DataError: it is no list of messages, has a role or content that is no text, or no answer to a user.
    """
    if not isinstance(messages, list) or not 0 < len(messages) <= MOST_MESSAGES:
        raise DataError(
            f"{where}: messages are a list of 1 to {MOST_MESSAGES:,} objects with role and content"
        )
    turns = [_turn(message, where) for message in messages]
    last = max((place for place, (role, _) in enumerate(turns) if role == "assistant"), default=-1)
    if last < 0 or not turns[last][1].strip():
        raise DataError(f"{where}: there is no assistant turn with text, which would be the answer")
    asked = [text for role, text in turns[:last] if role == "user"]
    if not asked or not asked[-1].strip():
        raise DataError(f"{where}: no user's message with text comes before the answer")
    return Conversation(tuple(turns[:last]), turns[last][1])


def answers_table(frame: pd.DataFrame, conversations: Sequence[Conversation]) -> pd.DataFrame:
    """The table with the text of each question and answer in place of the messages.

    Questions without an id are told apart by their place: one text may have many answers.
    """
    told = frame.drop(columns=MESSAGES).assign(
        **{TEXT: [c.asked for c in conversations], GENERATED: [c.answer for c in conversations]}
    )
    ids = [name for name in QUESTION_ID[:2] if name in told]
    return told if ids else told.assign(**{QUESTION_ID[0]: [str(place) for place in frame.index]})


def conversations_of(frame: pd.DataFrame, name: str) -> list[Conversation]:
    """The conversations in a table with a column `messages`.

    Raises:
        DataError: it has no such column or none with labels, or see `conversation`; names the line.
    """
    for column in (MESSAGES, LABEL):
        if column not in frame:
            raise DataError(
                f"{named(name)} has no {quoted(column)}: each line of a transcript is "
                '{"messages": [{"role": "user", "content": "…"}, …], "label": "…"}'
            )
    unit = frame.index.name or "row"
    return [
        conversation(messages, f"{named(name)} {unit} {place}")
        for place, messages in zip(frame.index, frame[MESSAGES].tolist(), strict=True)
    ]


def _turn(message: Any, where: str) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        raise DataError(f"{where}: a message has the role {quoted(role)}: known are {', '.join(ROLES)}")
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        content = "".join(
            part["text"] if part.get("type") == "text" else "" for part in content if _is_text(part, where)
        )
    if not isinstance(content, str):
        raise DataError(f"{where}: the content of the {role}'s message is {quoted(content)}, and no text")
    return role, content


def _is_text(part: dict, where: str) -> bool:
    """Whether a part of a message is text; reasoning is left out, and what else there is is refused."""
    if part.get("type") == "text" and isinstance(part.get("text"), str):
        return True
    if part.get("type") == "reasoning":
        return False
    raise DataError(
        f"{where}: a message holds a part of type {quoted(part.get('type'))}: only text can be read"
    )
