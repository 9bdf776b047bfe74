"""States and labels as people bring them from elsewhere, with a truth planted that probes can find."""

import numpy as np
import pandas as pd

N, LAYERS, WIDTH = 80, 3, 8
TRUTH, SAID = 2, 5
"""Values of a state that hold what is true, and what is said."""


def table(n=N, modes=("honest", "lie")):
    """n questions, each answered under each mode; a lie says what is not true."""
    label = np.random.default_rng(0).permutation(np.arange(n) % 2)
    return pd.DataFrame(
        [
            {
                "question_id": f"q{number}",
                "text": f"Sentence number {number} of this table.",
                "label": ("false", "true")[label[number]],
                "said": ("false", "true")[label[number] if mode != "lie" else 1 - label[number]],
                "mode": mode,
                "group": f"g{number // 2}",
            }
            for mode in modes
            for number in range(n)
        ]
    )


def states_of(frame, seed=1, layers=LAYERS):
    """Noise, (rows, layers, WIDTH) float32; above layer 0 with what is true and what is said in it."""
    noise = np.random.default_rng(seed).normal(size=(len(frame), layers, WIDTH)).astype(np.float32)
    for column, place in (("label", TRUTH), ("said", SAID)):
        if column in frame:
            noise[:, 1:, place] += 4 * (frame[column] == "true").to_numpy()[:, None] - 2
    return noise


def bring(folder, frame=None, states=None):
    """An .npz file and its table; gives the paths of both."""
    frame = table() if frame is None else frame
    np.savez(folder / "states.npz", states=states_of(frame) if states is None else states)
    frame.to_csv(folder / "labels.csv", index=False)
    return folder / "states.npz", folder / "labels.csv"
