"""Stored runs with planted contrast pairs, for tests that need no model."""

import numpy as np

from core.data.question import Question
from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.models.catalog import ModelSettings
from core.prompts.templates import BUILT_IN
from core.store.states import CONTINUATIONS

D, LAYERS, BLOCK = 24, 3, 32
TRUTH, DISTRACTOR, CHOICE = np.linalg.qr(np.random.default_rng(7).normal(size=(D, 3)))[0].T
SIDE = np.array([-1.0, 1.0])


def made_run(
    store,
    name,
    n=120,
    wordings=(0,),
    modes=("honest", "lie"),
    contrast=True,
    samples=1,
    distractor=0.0,
    seed=0,
):
    """A stored run of n questions whose contrast pairs hold the truth at layer 2, in every mode and wording.

    At layer 0 a choice's state is its embedding, the same for every question; at layer 1 there is noise.
    The choice that is right lies at +TRUTH, the other at -TRUTH; the model says what its mode expects.

    Args:
        contrast: keep the pairs.
        distractor: at layer 2, along DISTRACTOR, of a sign that is the question's own.
    """
    rng = np.random.default_rng(seed)
    label, other = rng.permutation(np.arange(n) % 2), rng.permutation(np.arange(n) % 2)
    questions = [
        Question(
            f"{name}-{i}", f"{name} word{i}", int(label[i]), ("Negative", "Positive"), "made", f"{name}{i}"
        )
        for i in range(n)
    ]
    settings = HarvestSettings(
        DataSettings("movie-reviews", n=n),
        BUILT_IN["review"],
        ModelSettings("made"),
        modes=modes,
        wordings=wordings,
        positions=("prompt",),
        contrast=contrast,
    )
    facts = {"model": "made", "model_content": "made", "adapter": None, "layers": LAYERS, "d_model": D}
    facts |= {"choices": ["Negative", "Positive"], "single_token": True, "spellings": []}
    keys = [(q, m, w, s) for w in wordings for m in modes for q in range(n) for s in range(samples)]
    store.begin(name, settings.to_dict(), facts, len(keys), questions)
    arrays, rows = store.states(name), -(-len(keys) // BLOCK) * BLOCK
    arrays.create(settings.kept, rows, LAYERS, D, BLOCK)
    true, turned = (np.array([2 * of[q] - 1 for q, *_ in keys]) for of in (label, other))
    pairs = rng.normal(size=(len(keys), LAYERS, 2, D))
    pairs[:, 0] = SIDE[:, None] * CHOICE
    pairs[:, 1:] += 6 * SIDE[:, None] * CHOICE
    for sign, apart in ((true, 2.0 * TRUTH), (turned, distractor * DISTRACTOR)):
        pairs[:, 2] += sign[:, None, None] * SIDE[:, None] * apart
    arrays.write("prompt", 0, rng.normal(size=(len(keys), LAYERS, D)))
    for side, choice in enumerate(CONTINUATIONS if contrast else ()):
        arrays.write(choice, 0, pairs[:, :, side])
    store.add_answers(
        name,
        [
            {
                "answer": row,
                "number": question,
                "mode": mode,
                "wording": wording,
                "order": 0,
                "demo_set": 0,
                "sample": sample,
                "generated": "",
                "ids": "[]",
                "said": int(label[question] if mode == "honest" else 1 - label[question]),
                "said_start": 0,
                "said_end": 1,
                "p_0": 0.2 + 0.1 * wording,
                "p_1": 0.3,
                "outside": 0.5 - 0.1 * wording,
                "leans": 1,
                "leans_calibrated": 1,
                "offset": 0.0,
                "spellings": "[]",
                "top": "[]",
                "prompt_tokens": 9,
            }
            for row, (question, mode, wording, sample) in enumerate(keys)
        ],
    )
    store.finish(name)
    return name
