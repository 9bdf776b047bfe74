"""Makes the entry of one statement under one mode, for a batch of them at a time."""

from dataclasses import replace

import numpy as np

from core.answers import Said, boundary_ids, choice_masses, leaning, make_reader, read_said
from core.data.statements import Statement
from core.engine.generate import Generated, end_ids, generate_batch
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.prompts.chat import Prompt
from core.scoring.asking import Asking
from core.scoring.results import UNSURE, AsRead, OwnTurn, TokenScores
from core.scoring.tokens import Spans, covers, decoded_spans, pieces_of, token_spans, whole_states

SURE = 0.6
Job = tuple[Statement, str, Prompt, Spans]


class Scorer:
    """What all entries share: the model, how the run asks, the probe."""

    def __init__(self, loaded: LoadedModel, asking: Asking, bundle: FittedProbe) -> None:
        self.loaded, self.asking, self.bundle = loaded, asking, bundle
        self.reader = make_reader(loaded.tokenizer, asking.settings.template.choices)
        self.boundary = None if self.reader.single else boundary_ids(loaded.tokenizer)
        self.names = class_names(bundle.facts["target"], asking)

    def as_read(self, jobs: list[Job]) -> list[AsRead]:
        """Each statement answered through the run's prompt, and scored at the trained position."""
        position = self.bundle.facts["position"]
        answers = generate_batch(
            self.loaded,
            [prompt.ids for _, _, prompt, _ in jobs],
            self.reader,
            replace(self.asking.settings.decoding, temperature=0.0),
            positions=tuple(dict.fromkeys(("prompt", position))),
            boundary=self.boundary,
        )
        ends = end_ids(self.loaded)
        contents = [tuple(number for number in answer.ids if number not in ends) for answer in answers]
        states = whole_states(
            self.loaded, [job[2].ids + content for job, content in zip(jobs, contents, strict=True)]
        )
        return [self._read_entry(*parts) for parts in zip(jobs, answers, contents, states, strict=True)]

    def own_turn(self, jobs: list[Job]) -> list[OwnTurn]:
        """Each statement forced into the model's own turn, and scored over its tokens."""
        states = whole_states(self.loaded, [prompt.ids for _, _, prompt, _ in jobs])
        return [self._own_entry(job, state) for job, state in zip(jobs, states, strict=True)]

    def _read_entry(
        self, job: Job, answer: Generated, content: tuple[int, ...], states: np.ndarray
    ) -> AsRead:
        statement, mode, prompt, spans = job
        choices, layer = self.reader.choices, self.bundle.layer
        position = self.bundle.facts["position"]
        p_0, p_1 = choice_masses(self.reader, list(answer.spelling_probabilities))
        at = trained_places(position, len(prompt.ids), len(content), answer.said)
        state = answer.states[position][layer]
        found = self._judge(None if np.isnan(state).any() else state, calibrated=True)
        return AsRead(
            statement=statement,
            mode=mode,
            prompt=prompt.text,
            generated=answer.text,
            said=None if answer.said.choice is None else choices[answer.said.choice],
            leans=choices[leaning(p_0, p_1)],
            leans_calibrated=choices[leaning(p_0, p_1, self.asking.offset_in(mode))],
            choice_probabilities=(p_0, p_1),
            outside=max(0.0, 1 - p_0 - p_1),
            tokens=self._tokens(prompt, content, spans, states, at),
            **found,
        )

    def _own_entry(self, job: Job, states: np.ndarray) -> OwnTurn:
        statement, mode, prompt, spans = job
        position = self.bundle.facts["position"]
        covered = covers(self._spans(prompt), spans)
        inside = np.flatnonzero(covered)
        start = int(inside[0])
        said = read_said(self.loaded.tokenizer, prompt.ids[start:], self.reader.choices)
        at = [] if position == "prompt" else trained_places(position, start, len(prompt.ids) - start, said)
        tokens = self._tokens(prompt, (), spans, states, at)
        here = states[inside, self.bundle.layer]
        found = self._judge(here.mean(axis=0), calibrated=position == "mean")
        return OwnTurn(
            statement=statement,
            mode=mode,
            prompt=prompt.text,
            last_score=float(tokens.scores[-1, self.bundle.layer]),
            tokens=tokens,
            **found,
        )

    def _judge(self, state: np.ndarray | None, calibrated: bool) -> dict:
        """What a state of the chosen layer, (d_model,), comes to.

        Args:
            calibrated: whether the probe was trained on such states, so that a probability means something.
        """
        if state is None:
            return {
                "score": None,
                "probability": None,
                "percentile": None,
                "distance_percentile": None,
                "unlike_training": False,
                "probe_says": None,
            }
        bundle = self.bundle
        score = float(state @ bundle.vectors[bundle.layer] + bundle.intercepts[bundle.layer])
        distance, unlike = bundle.unlike(state[None])
        probability = float(bundle.probability(np.array([score]))[0]) if calibrated else None
        return {
            "score": score,
            "probability": probability,
            "percentile": float(100 * np.mean(bundle.training_scores < score)),
            "distance_percentile": float(distance[0]),
            "unlike_training": bool(unlike[0]),
            "probe_says": None if probability is None else verdict(probability, self.names),
        }

    def _spans(self, prompt: Prompt) -> Spans:
        return token_spans(self.loaded.tokenizer, prompt, special=not self.asking.form.chat)

    def _tokens(
        self, prompt: Prompt, content: tuple[int, ...], spans: Spans, states: np.ndarray, at: list[int]
    ) -> TokenScores:
        """Scores over prompt and generated content. `at`: the trained positions."""
        ids = prompt.ids + content
        where = self._spans(prompt)
        inside = np.concatenate([covers(where, spans), np.ones(len(content), dtype=bool)])
        specials = set(self.loaded.tokenizer.all_special_ids)
        masked = ~inside | np.array([number in specials for number in ids])
        masked[0] = True
        trained = np.zeros(len(ids), dtype=bool)
        trained[at] = True
        return TokenScores(
            tokens=tuple(self.loaded.tokenizer.convert_ids_to_tokens(list(ids))),
            pieces=(*pieces_of(prompt.text, where), *self._written(content)),
            scores=self.bundle.scores(states),
            masked=masked & ~trained,
            trained=trained,
        )

    def _written(self, content: tuple[int, ...]) -> list[str]:
        text = self.loaded.tokenizer.decode(list(content), clean_up_tokenization_spaces=False)
        return pieces_of(text, decoded_spans(self.loaded.tokenizer, Prompt(text, content)))


def trained_places(position: str, prompt: int, content: int, said: Said) -> list[int]:
    """Where in prompt and answer a state of that position stands, by token index.

    Args:
        prompt, content: their lengths in tokens.
        said: its span counts from the answer's first token.
    """
    if position == "prompt":
        return [prompt - 1]
    if position == "mean":
        return list(range(prompt, prompt + content))
    if said.choice is None:
        return []
    return [prompt - 1 + (said.start if position == "before" else said.end)]


def verdict(probability: float, names: tuple[str, str]) -> str:
    """The class that a probability speaks for, or "unsure"."""
    if 1 - SURE < probability < SURE:
        return UNSURE
    return names[int(probability >= 0.5)]


def class_names(target: str, asking: Asking) -> tuple[str, str]:
    """What a probe's negative and positive class mean."""
    offered = asking.settings.template.choices
    return {
        "truth": asking.choices,
        "said": (f"says {offered[0]}", f"says {offered[1]}"),
        "said_true": ("said what is untrue", "said the truth"),
        "lie": ("no lie", "lie"),
        "mode": ("no lie instruction", "lie instruction"),
    }[target]
