"""Makes the entry of one statement under one mode, for a batch of them at a time."""

from dataclasses import replace

import numpy as np

from core.answers import boundary_ids, choice_masses, leaning, make_reader, read_said
from core.data.statements import Statement
from core.engine.generate import Generated, end_ids, generate_batch
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.prompts.chat import Prompt
from core.scoring.asking import Asking
from core.scoring.benign import GENERATED, KIND_OF_POSITION, MEAN, PROMPT, READ, Benign
from core.scoring.results import AsRead, OwnTurn, TokenScores
from core.scoring.state_reading import StateReading, read_state
from core.scoring.tokens import Spans, covers, decoded_spans, pieces_of, token_spans, whole_states
from core.scoring.trained import places_after_other_prompt, trained_places

Job = tuple[Statement, str, Prompt, Spans]


class Scorer:
    """What all entries share: the model, how the run asks, the probe, the conversation to compare with."""

    def __init__(
        self, loaded: LoadedModel, asking: Asking, bundle: FittedProbe, benign: Benign | None = None
    ) -> None:
        self.loaded, self.asking, self.bundle, self.benign = loaded, asking, bundle, benign
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
        kind = KIND_OF_POSITION[position]
        if at == [len(prompt.ids) - 1]:
            kind = PROMPT
        found = self._read(answer.states[position][layer], kind, calibrated=True)
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
            tokens=self._tokens(prompt, content, spans, states, at, len(prompt.ids) - 1),
            **vars(found),
        )

    def _own_entry(self, job: Job, states: np.ndarray) -> OwnTurn:
        statement, mode, prompt, spans = job
        position = self.bundle.facts["position"]
        covered = covers(self._spans(prompt), spans)
        inside = np.flatnonzero(covered)
        start = int(inside[0])
        said = read_said(self.loaded.tokenizer, prompt.ids[start:], self.reader.choices)
        at = places_after_other_prompt(position, start, len(prompt.ids) - start, said)
        tokens = self._tokens(prompt, (), spans, states, at, start - 1)
        here = states[inside, self.bundle.layer]
        found = self._read(here.mean(axis=0), MEAN, calibrated=position == "mean")
        return OwnTurn(
            statement=statement,
            mode=mode,
            prompt=prompt.text,
            last_score=float(tokens.scores[-1, self.bundle.layer]),
            tokens=tokens,
            **vars(found),
        )

    def _read(self, state: np.ndarray, kind: str, calibrated: bool) -> StateReading:
        return read_state(
            self.bundle, self.names, state, calibrated=calibrated, benign=self.benign, kind=kind
        )

    def _spans(self, prompt: Prompt) -> Spans:
        return token_spans(self.loaded.tokenizer, prompt, special=not self.asking.form.chat)

    def _tokens(
        self,
        prompt: Prompt,
        content: tuple[int, ...],
        spans: Spans,
        states: np.ndarray,
        at: list[int],
        end: int,
    ) -> TokenScores:
        """Scores over prompt and generated content.

        Args:
            at: the trained positions.
            end: the last token before the model's own turn.
        """
        ids = prompt.ids + content
        where = self._spans(prompt)
        inside = np.concatenate([covers(where, spans), np.ones(len(content), dtype=bool)])
        specials = set(self.loaded.tokenizer.all_special_ids)
        masked = ~inside | np.array([number in specials for number in ids])
        masked[0] = True
        trained = np.zeros(len(ids), dtype=bool)
        trained[at] = True
        masked &= ~trained
        kinds = np.full(len(ids), GENERATED, dtype=object)
        kinds[:end], kinds[end], kinds[masked] = READ, PROMPT, ""
        scores = self.bundle.scores(states)
        return TokenScores(
            tokens=tuple(self.loaded.tokenizer.convert_ids_to_tokens(list(ids))),
            pieces=(*pieces_of(prompt.text, where), *self._written(content)),
            scores=scores,
            masked=masked,
            trained=trained,
            kinds=tuple(kinds),
            percentiles=None if self.benign is None else _percentiles(self.benign, kinds, scores),
        )

    def _written(self, content: tuple[int, ...]) -> list[str]:
        text = self.loaded.tokenizer.decode(list(content), clean_up_tokenization_spaces=False)
        return pieces_of(text, decoded_spans(self.loaded.tokenizer, Prompt(text, content)))


def _percentiles(benign: Benign, kinds: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Of each score, (tokens, layers), among ordinary conversation's of its kind; NaN where masked."""
    found = np.full(scores.shape, np.nan)
    for kind in set(kinds) - {""}:
        here = kinds == kind
        for column, layer in enumerate(benign.layers):
            found[here, column] = benign.percentile(kind, layer, scores[here, layer])
    return found


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
