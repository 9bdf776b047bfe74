"""The conditions that each prompt is answered under, and what each puts into its states."""

from dataclasses import dataclass

import numpy as np

from core.steering.directions import OTHER_MODE, OTHER_QUESTION, PROBE, RANDOM, Directions
from core.steering.figures import PLAIN
from core.steering.settings import SteerSettings


@dataclass(frozen=True)
class Condition:
    """One direction at one strength; `PLAIN` at 0 is the model as it is."""

    direction: str
    alpha: float


def conditions_of(directions: Directions, settings: SteerSettings) -> list[Condition]:
    """The unsteered condition, then every direction at every strength."""
    names = list(directions.names)
    if settings.how == "patch":
        names = [OTHER_MODE, OTHER_QUESTION, *(name for name in names if is_random(name))]
    return [Condition(PLAIN, 0.0), *(Condition(name, a) for name in names for a in settings.strengths)]


def direction_vectors(
    directions: Directions, settings: SteerSettings, conditions: list[Condition]
) -> np.ndarray:
    """What is added or projected out, the same for all prompts, (conditions, d_model); 0 where nothing is."""
    of_name = dict(zip(directions.names, directions.units, strict=True))
    size = directions.norm if settings.how == "add" else 1.0
    return np.array(
        [
            np.zeros(directions.units.shape[1])
            if condition.direction == PLAIN
            else condition.alpha * size * of_name[condition.direction]
            for condition in conditions
        ]
    )


def patch_vectors(
    directions: Directions,
    conditions: list[Condition],
    own: np.ndarray,
    other: np.ndarray,
    elsewhere: np.ndarray,
) -> np.ndarray:
    """The states that one prompt's is replaced by, (conditions, d_model); NaN where it stays.

    A random direction moves the prompt's own state as far as the other mode's lies from it.

    Args:
        own, other, elsewhere: states (d_model,) of the prompt, of the other mode, and of the other mode of
            another question.
    """
    of_name = dict(zip(directions.names, directions.units, strict=True))
    far = float(np.linalg.norm(other.astype(np.float64) - own))
    made = []
    for condition in conditions:
        if condition.direction == PLAIN:
            made.append(np.full(len(own), np.nan))
        elif condition.direction == OTHER_MODE:
            made.append(other.astype(np.float64))
        elif condition.direction == OTHER_QUESTION:
            made.append(elsewhere.astype(np.float64))
        else:
            made.append(own + far * of_name[condition.direction])
    return np.array(made)


def is_main(direction: str) -> bool:
    """Whether it is what the experiment is about, and no control."""
    return direction in (PROBE, OTHER_MODE)


def is_random(direction: str) -> bool:
    """Whether it is one of the random directions."""
    return direction.startswith(f"{RANDOM} ")
