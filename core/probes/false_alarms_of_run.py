"""False alarms of a stored run's probe on a stored run of ordinary conversation."""

import numpy as np
import pandas as pd

from core.data.chat import CHAT
from core.errors import ProbeError
from core.probes.by_layer import ProbeReport
from core.probes.false_alarms import FalseAlarms, false_alarms
from core.probes.metrics import LEAST_NEGATIVES
from core.probes.of_run import with_states
from core.probes.rows import one_of_each
from core.prompts.modes import MODES
from core.store.runs import Run, RunStore

ALARM = {
    "lie": (1, "lies"),
    "mode": (1, "answers under lie"),
    "truth": (0, "answers to what is not true"),
    "said_true": (0, "answers that say what is not true"),
}
"""By target, the class that a detector alarms on, and its name."""
OF_EVERY_ANSWER = ("prompt", "mean")
"""The positions that an answer has which gives no choice."""


def false_alarms_of_run(
    store: RunStore, run: str, report: ProbeReport, chat_run: str, test_run: str | None = None
) -> tuple[FalseAlarms, ...]:
    """How often a run's probe, used as a detector, alarms on ordinary conversation, and what it then finds.

    Conversation under an instruction to say what is not true is left out, and so is what people dropped; of
    each prompt one answer counts.

    Args:
        run: the run that the report's probe was trained on; test_run: the one it was judged on, if another.
        report: what `probe_run` gave of these.
        chat_run: a run of `chat`, of the model and adapter that the probe was judged on.

    Returns:
        One for each rate of `LEAST_NEGATIVES`.

    Raises:
        ProbeError: the runs do not fit together, or the probe is no detector of anything.
        StoreError: no such run.
    """
    judged, chat = store.run(test_run or run), store.run(chat_run)
    settings = report.settings
    if settings.target not in ALARM:
        raise ProbeError(
            f"a probe of target {settings.target!r} is no detector: choose target {', '.join(ALARM)}"
        )
    _check_conversation(store, chat, settings.position)
    for other in (judged, store.run(run)):
        if other.settings["data"]["name"] == CHAT:
            raise ProbeError(
                f"run {other.run} is itself of ordinary conversation: false alarms are judged on what the "
                "probe never saw"
            )
    if chat.facts["model_content"] != judged.facts["model_content"]:
        raise ProbeError(
            f"runs {judged.run} and {chat.run} are of another model or adapter: false alarms are judged on "
            "answers of the model that the probe is judged on"
        )
    alarm, alarms_on = ALARM[settings.target]
    sign = 1 if alarm else -1
    frame, states = with_states(store, chat.run, settings.position)
    benign = benign_answers(frame)
    layer, bundle = report.layer, report.bundle
    scores = states(layer)[benign] @ bundle.vectors[layer] + bundle.intercepts[layer]
    found = _positives(report, alarm)
    return tuple(
        false_alarms(
            sign * scores,
            frame["group"].to_numpy()[benign],
            sign * found["score"].to_numpy(),
            found["group"].to_numpy(),
            wanted,
            alarms_on=alarms_on,
            seed=settings.seed,
        )
        for wanted in LEAST_NEGATIVES
    )


def benign_answers(frame: pd.DataFrame) -> np.ndarray:
    """Which labelled answers to ordinary conversation are to be compared with, (rows,).

    Those under an instruction to say what is not true are left out, and what people dropped; of each prompt
    one answer counts.
    """
    truthful = frame["mode"].map(lambda mode: MODES[mode].expects == "truth").astype(bool)
    return (truthful & ~frame["dropped"].astype(bool) & one_of_each(frame)[1].astype(bool)).to_numpy()


def _check_conversation(store: RunStore, chat: Run, position: str) -> None:
    if chat.settings["data"]["name"] != CHAT:
        raise ProbeError(
            f"run {chat.run} asks {chat.settings['data']['name']}: false alarms are judged on a run of {CHAT}"
        )
    if position not in OF_EVERY_ANSWER or position not in store.states(chat.run).positions():
        raise ProbeError(
            f"run {chat.run} has no states at position {position!r}: choose {' or '.join(OF_EVERY_ANSWER)}, "
            "which every answer has"
        )


def _positives(report: ProbeReport, alarm: int) -> pd.DataFrame:
    """Score and group of the test answers that a detector is to alarm on."""
    found = report.predictions.merge(report.everywhere[["answer", "group"]], on="answer")
    return found[found["target"] == alarm]
