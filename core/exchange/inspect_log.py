"""Inspect's logs of evaluations, .eval or .json: each scored sample is a transcript with a label.

An .eval file is a zip of JSON files, a sample in each; a .json file holds all samples. Format: Inspect,
https://inspect.aisi.org.uk/eval-logs.html
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.tables import MAX_BYTES, MAX_ROWS
from core.errors import DataError
from core.exchange.conversations import LABEL, MESSAGES
from core.exchange.zip_member import read_member
from core.files import read_file
from core.shown import named, quoted

SUFFIXES = (".eval", ".json")
LABELS = ("incorrect", "correct")
"""What a sample's score makes of its answer."""
CORRECT, INCORRECT = ("C", "CORRECT", "TRUE", "1", "1.0"), ("I", "INCORRECT", "FALSE", "0", "0.0")
SAMPLES = "samples/"
LARGEST_JSON = 256 << 20
"""Bytes that are parsed at once, which takes many times as much: a whole .json log, a sample of an .eval."""
ATTACHMENT = "attachment://"
"""Begins a content that is kept apart, among the sample's attachments."""
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError)


def read_inspect_log(path: Path) -> tuple[pd.DataFrame, int]:
    """The scored samples of a log, and how many others there are: without a score, or one that is not either.

    Returns:
        Columns messages, label (of `LABELS`, by the first scorer), question_id (sample and epoch), group (the
        sample: its epochs never stand on both sides of a split); the index is the number of the sample in the
        log, named `sample`.

    Raises:
        DataError: it is no such log, is damaged, too large, or has no scored sample.
    """
    where = named(path.name)
    content = read_file(path, MAX_BYTES, DataError)
    rows, others = [], 0
    for number, sample in enumerate(_samples(content, where), start=1):
        if number > MAX_ROWS:
            raise DataError(f"{where} has more than {MAX_ROWS:,} samples: split it")
        if not isinstance(sample, dict):
            raise DataError(f"{where} sample {number}: it is no object")
        label = _label(sample)
        if label is None:
            others += 1
            continue
        sample_id, epoch = str(sample.get("id", number)), sample.get("epoch", 1)
        rows.append((number, _messages(sample), label, f"{sample_id} epoch {epoch}", sample_id))
    if not rows:
        raise DataError(f"{where} has no sample that was scored correct or incorrect: there is no label")
    numbers, messages, labels, ids, groups = zip(*rows, strict=True)
    columns = {MESSAGES: messages, LABEL: labels, "question_id": ids, "group": groups}
    index = pd.Index(numbers, name="sample")
    return pd.DataFrame({name: list(values) for name, values in columns.items()}, index=index), others


def _samples(content: bytes, where: str) -> Iterator[Any]:
    """The samples one by one."""
    try:
        if not content.startswith(b"PK"):
            yield from _listed(_parsed(content, where), where)
            return
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [entry for entry in archive.infolist() if entry.filename.startswith(SAMPLES)]
            if sum(entry.file_size for entry in members) > MAX_BYTES:
                raise DataError(f"{where} unpacks to more than {MAX_BYTES:,} bytes: split it")
            for entry in members:
                if entry.filename.endswith(".json"):
                    yield _parsed(read_member(archive, entry, content), where)
    except NotImplementedError as error:
        raise DataError(
            f"{where} is compressed in a way that this Python cannot open: write it anew with `inspect log "
            "convert --to json`"
        ) from error
    except UNREADABLE as error:
        raise DataError(f"{where} cannot be read as a log of Inspect: {named(error, 200)}") from error


def _listed(log: Any, where: str) -> list:
    samples = log.get("samples") if isinstance(log, dict) else None
    if not isinstance(samples, list):
        raise DataError(f"{where} is no log of Inspect: it has no list of samples")
    return samples


def _parsed(content: bytes, where: str) -> Any:
    if len(content) > LARGEST_JSON:
        raise DataError(
            f"{where} holds {len(content):,} bytes of JSON in one: at most {LARGEST_JSON:,} can be read; "
            "write the log as .eval, or split it"
        )
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} holds what is no JSON: {named(error, 200)}") from error


def _messages(sample: dict) -> Any:
    """A sample's messages, with what of them is kept apart in its place."""
    messages, apart = sample.get("messages"), sample.get("attachments")
    if not isinstance(messages, list) or not isinstance(apart, dict):
        return messages

    def whole(message: Any) -> Any:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str) or not content.startswith(ATTACHMENT):
            return message
        return message | {"content": apart.get(content.removeprefix(ATTACHMENT))}

    return [whole(message) for message in messages]


def _label(sample: dict) -> str | None:
    """What the first scorer says of a sample's answer; None where it says neither."""
    scores = sample.get("scores")
    if not isinstance(scores, dict) or not scores:
        return None
    first = next(iter(scores.values()))
    value = first.get("value") if isinstance(first, dict) else None
    told = str(value).upper() if isinstance(value, str | int | float) else quoted(value)
    return LABELS[1] if told in CORRECT else LABELS[0] if told in INCORRECT else None
