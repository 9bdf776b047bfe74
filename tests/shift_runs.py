"""Planted shifts: runs of the same made questions, in whose states the truth is there or lost as is said."""

import numpy as np
import pandas as pd

from core.data.question import Question
from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.probes.shifts_rows import AskedRun
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore

N, LAYERS, WIDTH = 160, 3, 12
FAMILIAR, LOST, STEADY = 3, 5, 7
"""Dimensions: the truth as the plain run has it; what one style turns around; what other styles share."""
SHIFTED = ["upper-run", "typos-run", "asked-run"]


def answers(n=N):
    """n questions under honest and under lie; two share a group."""
    label = np.random.default_rng(0).permutation(np.arange(n) % 2)
    rows = []
    for number in range(n):
        for mode in ("honest", "lie"):
            said = label[number] if mode == "honest" else 1 - label[number]
            rows.append(
                {
                    "answer": len(rows),
                    "number": number,
                    "question": f"q{number}",
                    "group": f"g{number // 2}",
                    "source": "made",
                    "text": f"word{number} thing",
                    "mode": mode,
                    "wording": 0,
                    "order": 0,
                    "demo_set": 0,
                    "sample": 0,
                    "label": label[number],
                    "said": float(said),
                    "dropped": False,
                }
            )
    return pd.DataFrame(rows)


def planted(frame, clearly, seed=1):
    """Noise at every layer; at layer 1 the truth in some dimensions as clearly as is said."""
    noise = np.random.default_rng(seed).normal(size=(LAYERS, len(frame), WIDTH))
    for dimension, strength in clearly.items():
        noise[1, :, dimension] += strength * (2 * frame["label"].to_numpy() - 1)
    return noise.__getitem__


def asked(name, clearly, seed=1, style=None, frame=None):
    frame = answers() if frame is None else frame
    return AskedRun(f"run of {name}", name, style or name, frame, planted(frame, clearly, seed))


PLAIN = asked("plain", {FAMILIAR: 1.5, LOST: 1.5}, 1)
KEEPS = asked("upper", {FAMILIAR: 1.5, LOST: 1.5, STEADY: 1.5}, 2)
LOSES = asked("typos", {LOST: -1.5, STEADY: 3.0}, 3)


def store_run(store, run, style, clearly, seed, content="one", **changes):
    """A complete run with planted states; `changes` are of its settings."""
    frame = answers()
    template = changes.pop("template", BUILT_IN["review"])
    settings = HarvestSettings(DataSettings("movie-reviews", N, style=style), template, **changes)
    facts = {"model": "made", "model_content": content, "adapter": None, "open": False}
    facts |= {"layers": LAYERS, "d_model": WIDTH, "choices": ["Negative", "Positive"]}
    questions = [
        Question(r.question, r.text, int(r.label), ("Negative", "Positive"), "made", r.group)
        for r in frame.drop_duplicates("number").itertuples()
    ]
    store.begin(run, settings.to_dict(), facts, len(frame), questions)
    states = planted(frame, clearly, seed)
    store.states(run).create(("prompt",), len(frame), LAYERS, WIDTH, 64)
    store.states(run).write("prompt", 0, np.stack([states(layer) for layer in range(LAYERS)], axis=1))
    given = {"generated": "", "ids": "[]", "p_0": 0.5, "p_1": 0.5, "outside": 0.0, "leans": 0}
    given |= {"leans_calibrated": 0, "offset": 0.0, "spellings": "[]", "top": "[]", "prompt_tokens": 3}
    kept = frame[["answer", "number", "mode", "wording", "order", "demo_set", "sample", "said"]]
    store.add_answers(run, [given | row for row in kept.to_dict("records")])
    store.finish(run)


def store_all(folder):
    """A plain run, two in other styles and one with another template; gives the store."""
    store = RunStore(folder)
    store_run(store, "plain-run", "plain", {FAMILIAR: 1.5, LOST: 1.5}, 1)
    store_run(store, "upper-run", "upper", {FAMILIAR: 1.5, LOST: 1.5, STEADY: 1.5}, 2)
    store_run(store, "typos-run", "typos", {LOST: -1.5, STEADY: 3.0}, 3)
    store_run(store, "asked-run", "plain", {FAMILIAR: 1.5}, 4, template=BUILT_IN["review-statement"])
    return store
