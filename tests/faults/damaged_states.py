"""A chunk of states cut short, with a bit flipped, or gone: found, told of, and made again alone."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from tests.faults.outcome import Injection
from tests.faults.processes import run
from tests.faults.scene import Scene, bad_refusal, failure, repair, result
from tests.faults.snapshot import BLOCK, block_of, broken_promises, differences, snapshot


def cut_short(chunk: Path, drawn: random.Random) -> None:
    """Leave the beginning of it."""
    content = chunk.read_bytes()
    chunk.write_bytes(content[: drawn.randrange(len(content))])


def flip_bit(chunk: Path, drawn: random.Random) -> None:
    """Turn one bit round."""
    content = bytearray(chunk.read_bytes())
    content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
    chunk.write_bytes(content)


def take_away(chunk: Path, drawn: random.Random) -> None:
    """Delete it."""
    del drawn
    chunk.unlink()


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "a chunk cut short": cut_short,
    "a bit of a chunk flipped": flip_bit,
    "a chunk deleted": take_away,
}


def damaged_states(scene: Scene) -> Iterator[Injection]:
    """Damage one chunk of a complete run, each in a copy of its own."""
    drawn, expected = random.Random(scene.seed), scene.reference
    chunks = [name for name in expected.snapshot.files if block_of(name) is not None]
    for fault, damage in DAMAGES.items():
        for _ in range(scene.times(short=1, full=10)):
            name = drawn.choice(chunks)
            cache = scene.copy(expected.cache)
            damage(cache / "runs" / expected.run / name, drawn)
            yield Injection(fault, name, found_and_mended(scene, cache, name))


def found_and_mended(scene: Scene, cache: Path, name: str) -> tuple[str, ...]:
    """What goes wrong between the damage of a chunk and the run's being whole again."""
    expected, block = scene.reference, block_of(name)
    affected = sorted(number for number in expected.snapshot.answers if number // BLOCK == block)
    lost = list(rest_is_lost(scene, cache, name))
    done = repair(cache)
    lost += [*told_wrongly(done.mended, expected.run, affected), *done.bad]
    left = snapshot(cache, expected.run).answers.keys()
    if left != expected.snapshot.answers.keys() - set(affected):
        lost.append(f"after the repair {len(left)} answers are left")
    lost += broken_promises(cache, expected.run, expected.snapshot)
    again = run(*scene.harvest(cache))
    if again.code == 0 and (made := result(again)["made"]) != len(affected):
        lost.append(f"{made} answers were made again, not {len(affected)}")
    lost += failure(again) or differences(snapshot(cache, expected.run), expected.snapshot)
    return tuple(lost)


def told_wrongly(told: tuple[str, ...], run_id: str, affected: list[int]) -> tuple[str, ...]:
    """Whether the doctor fails to name the run, and how many and which answers are affected."""
    words = {f"{len(affected)}", f"{affected[0]}", f"{affected[-1]}", run_id}
    if any(words <= set(re.findall(r"\w+", detail)) for detail in told):
        return ()
    return (f"the doctor does not tell which answers are affected but {'; '.join(told)!r}",)


def rest_is_lost(scene: Scene, cache: Path, name: str) -> tuple[str, ...]:
    """Whether other layers can no longer be read, or the damaged one is read as if it were whole."""
    _, position, _, _, layer, _ = name.split("/")
    others = [number for number in range(4) if number != int(layer)]
    lost = []
    found, expected = (layer_of(scene, at, position, others[0]) for at in (cache, scene.reference.cache))
    if not np.array_equal(found, expected, equal_nan=True):
        lost.append(f"layer {others[0]} is not what it was")
    file = Path(mkdtemp(dir=scene.folder)) / "layer.npy"
    lost += bad_refusal(run(*exported(scene, cache, position, layer, file)))
    return tuple(lost)


def layer_of(scene: Scene, cache: Path, position: str, layer: int) -> np.ndarray:
    """One layer's states as `telltale export` gives them."""
    file = Path(mkdtemp(dir=scene.folder)) / "layer.npy"
    result(run(*exported(scene, cache, position, layer, file)))
    return np.load(file)


def exported(scene: Scene, cache: Path, position: str, layer: int | str, file: Path) -> list[object]:
    """The arguments that export a layer of the usual run."""
    at = ["--position", position, "--layer", layer, "--file", file]
    return ["export", scene.reference.run, *at, "--cache", cache, "--json"]
