"""A run of made answers and random states, to see how store and pages fare at a size that nobody waits for.

`python -m benchmarks.made_run --answers 100000 --cache FOLDER`. No model is asked: texts are made words, and
states are noise with a weak planted direction of the truth. It is written through the store's own functions,
block by block, as a harvest writes, and calls itself by `TITLE` wherever a model is named.
"""

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from core.answers import Reader, make_reader
from core.data.question import Question
from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.errors import StoreError, TelltaleError
from core.models.tokenizers import load_tokenizer
from core.paths import cache_folder
from core.prompts.chat import ChatFormat, chat_format, render
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore

TITLE = "made states, benchmark only"
MODES = ("honest", "lie")
BLOCK = 256
"""Answers that a harvest of this size writes and commits at once."""
OBEYS = {"honest": 0.85, "lie": 0.75}
"""How often a made answer says what its mode asks for."""
SILENT = 0.03
STRENGTH = 0.6
"""How far the classes lie from their middle at the layer that shows them best, in standard deviations."""
TOP = 10
VOCABULARY = 49_000
"""Made likeliest tokens are below this id: the embedded model has a few more."""


@dataclass(frozen=True)
class Shape:
    """How large a made run is: answers (half of them under each mode), layers, d_model; and its seed."""

    answers: int = 100_000
    layers: int = 31
    d_model: int = 576
    seed: int = 0

    @property
    def questions(self) -> int:
        """Each is asked under honest and under lie."""
        return self.answers // len(MODES)

    @property
    def blocks(self) -> Iterator[tuple[int, str, range]]:
        """First row, mode and questions of each block: a window under one mode, then under the other."""
        windows = range(0, self.questions, BLOCK)
        for number, start in enumerate(windows):
            for place, mode in enumerate(MODES):
                first = (len(MODES) * number + place) * BLOCK
                yield first, mode, range(start, min(start + BLOCK, self.questions))

    @property
    def rows(self) -> int:
        """Rows of the state arrays; the last ones of a mode may stay empty."""
        return -(-self.questions // BLOCK) * BLOCK * len(MODES)


@dataclass(frozen=True)
class Written:
    """A made run: its id, seconds to write it, bytes of states, and the most memory ever held, bytes."""

    run: str
    seconds: float
    state_bytes: int
    peak: int


def main(arguments: list[str] | None = None) -> int:
    """Write one and say what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.made_run", description=__doc__)
    parser.add_argument("--answers", type=int, default=Shape.answers, help="an even number")
    parser.add_argument("--layers", type=int, default=Shape.layers)
    parser.add_argument("--d-model", type=int, default=Shape.d_model)
    parser.add_argument("--cache", required=True, help="a folder of its own: some gigabytes")
    chosen = parser.parse_args(arguments)
    shape = Shape(chosen.answers, chosen.layers, chosen.d_model)
    try:
        made = write_made_run(RunStore(linked_cache(Path(chosen.cache))), shape)
    except TelltaleError as error:
        print(f"telltale: {error}", file=sys.stderr)
        return 2
    megabytes = made.state_bytes / 1e6
    print(
        f"run {made.run} ({TITLE}): {shape.answers:,} answers × {shape.layers} layers × {shape.d_model}, "
        f"{megabytes:,.0f} MB of states in {made.seconds:.1f} s ({megabytes / made.seconds:.0f} MB/s, the "
        f"making of the noise counted in), peak memory {made.peak / 1e6:,.0f} MB"
    )
    return 0


def linked_cache(folder: Path) -> Path:
    """A cache folder of its own, with links to the models and data of the usual one."""
    folder = cache_folder(folder)
    for name in ("models", "data"):
        there = cache_folder() / name
        if there.is_dir() and not (folder / name).exists():
            (folder / name).symlink_to(there)
    return folder


def write_made_run(store: RunStore, shape: Shape) -> Written:
    """Write a run, one block at a time.

    Raises:
        StoreError: it is there already, or cannot be written.
        ModelError: the tokenizer of the embedded model is not in the cache.
    """
    began = perf_counter()
    settings = HarvestSettings(
        DataSettings("movie-reviews", shape.questions, seed=shape.seed),
        BUILT_IN["review"],
        positions=("prompt",),
        calibration="none",
    )
    tokenizer = load_tokenizer(settings.model, store.cache)
    reader = make_reader(tokenizer, settings.template.choices)
    form = chat_format(tokenizer, settings.system, settings.chat)

    def tokens_of(question: Question, mode: str) -> int:
        return len(render(tokenizer, settings.template, question, mode=mode, form=form).ids)

    run = settings.run_id(f"{TITLE} {shape}", TITLE)
    if any(known.run == run for known in store.runs()):
        raise StoreError(f"there is a made run {run} of that size already: delete it, or use another --cache")
    questions = made_questions(shape)
    with store.writing(run):
        store.begin(run, settings.to_dict(), facts_of(shape, reader, form), shape.answers, questions)
        states = store.states(run)
        states.create(settings.kept, shape.rows, shape.layers, shape.d_model, BLOCK)
        for first, mode, window in shape.blocks:
            asked = [questions[number] for number in window]
            states.write("prompt", first, made_states(shape, first, asked))
            tokens = [tokens_of(question, mode) for question in asked]
            store.add_answers(run, made_answers(shape, first, mode, window, asked, tokens, reader))
        store.finish(run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = 4 * shape.answers * shape.layers * shape.d_model
    return Written(run, perf_counter() - began, size, peak)


def facts_of(shape: Shape, reader: Reader, form: ChatFormat) -> dict:
    """What a harvest writes down of its model, as far as pages read it."""
    return {
        "model": TITLE,
        "model_content": TITLE,
        "adapter": None,
        "first_block": None,
        "layers": shape.layers,
        "d_model": shape.d_model,
        "dtype": "float32",
        "open": False,
        "choices": list(reader.choices),
        "single_token": reader.single,
        "spellings": [
            {"choice": s.choice, "ids": list(s.ids), "text": s.text, "token": s.token}
            for s in reader.spellings
        ],
        "form": asdict(form),
        "demonstrations": [],
        "calibrated_on": [],
    }


def made_questions(shape: Shape) -> list[Question]:
    """Made sentences of 8 to 24 made words, half of them of each label."""
    generator = np.random.default_rng([shape.seed, 1])
    syllables = np.array([c + v for c in "bdfgklmnprstvz" for v in "aeiou"])
    words = ["".join(generator.choice(syllables, size)) for size in generator.integers(2, 5, 4000)]
    drawn = generator.integers(0, len(words), (shape.questions, 24))
    lengths = generator.integers(8, 25, shape.questions)
    labels = generator.permutation(np.arange(shape.questions) % 2)
    return [
        Question(
            f"made-{number}",
            " ".join(words[place] for place in drawn[number, : lengths[number]]).capitalize() + ".",
            int(labels[number]),
            ("Negative", "Positive"),
            "made",
            f"made-{number}",
        )
        for number in range(shape.questions)
    ]


def made_states(shape: Shape, first: int, asked: list[Question]) -> np.ndarray:
    """Noise, and the truth along one direction, weakly, the most at two thirds of the depth.

    Returns:
        (answers, layers, d_model) float32.
    """
    planted = np.random.default_rng([shape.seed, 2]).standard_normal(shape.d_model, dtype=np.float32)
    planted /= np.linalg.norm(planted)
    depth = np.arange(shape.layers) / max(1, shape.layers - 1)
    strength = STRENGTH * np.exp(-(((depth - 2 / 3) / 0.2) ** 2)).astype(np.float32)
    side = np.array([2 * question.label - 1 for question in asked], dtype=np.float32)
    generator = np.random.default_rng([shape.seed, 3, first])
    states = generator.standard_normal((len(asked), shape.layers, shape.d_model), dtype=np.float32)
    states += (side[:, None] * strength)[:, :, None] * planted
    return states


def made_answers(
    shape: Shape,
    first: int,
    mode: str,
    window: range,
    asked: list[Question],
    tokens: list[int],
    reader: Reader,
) -> list[dict]:
    """Rows as a harvest commits them; most answers do as their mode asks, some hold no choice.

    Args:
        window, asked, tokens: number of each question, the question, and the tokens of its prompt.
    """
    generator = np.random.default_rng([shape.seed, 4, first])
    obeys, silent = generator.random(len(asked)) < OBEYS[mode], generator.random(len(asked)) < SILENT
    mass = generator.dirichlet(np.full(len(reader.spellings) + TOP, 0.5), len(asked))
    leaning = generator.integers(0, VOCABULARY - TOP, len(asked))
    rows = []
    for place, (number, question) in enumerate(zip(window, asked, strict=True)):
        meant = question.label if obeys[place] == (mode == "honest") else 1 - question.label
        said = None if silent[place] else meant
        spelling = next(s for s in reader.spellings if s.choice == meant)
        probabilities = mass[place, : len(reader.spellings)]
        others = np.sort(mass[place, len(reader.spellings) :])[::-1]
        p_0, p_1 = (
            float(sum(p for p, s in zip(probabilities, reader.spellings, strict=True) if s.choice == choice))
            for choice in (0, 1)
        )
        leans = int(p_1 > p_0)
        rows.append(
            {
                "answer": first + place,
                "number": number,
                "mode": mode,
                "wording": 0,
                "order": 0,
                "demo_set": 0,
                "sample": 0,
                "generated": "" if said is None else reader.choices[meant],
                "ids": json.dumps([] if said is None else list(spelling.ids)),
                "said": said,
                "said_start": None if said is None else 0,
                "said_end": None if said is None else len(spelling.ids),
                "p_0": p_0,
                "p_1": p_1,
                "outside": max(0.0, 1 - p_0 - p_1),
                "leans": leans,
                "leans_calibrated": leans,
                "offset": 0.0,
                "spellings": json.dumps([float(p) for p in probabilities]),
                "top": json.dumps([[int(leaning[place]) + n, float(p)] for n, p in enumerate(others)]),
                "prompt_tokens": tokens[place],
            }
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
