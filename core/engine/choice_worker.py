"""Answers blocks of choice questions: generates, reads which choice was said, calibrates where it leans."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from core.answers import Reader, boundary_ids, choice_masses, leaning, log_odds
from core.calibration import (
    CONTENT_FREE,
    CONTENT_FREE_MEAN,
    MEAN,
    Calibration,
    fit_content_free,
    fit_labelled,
)
from core.data.question import Question
from core.engine.answer_blocks import Asked, answer_blocks
from core.engine.answer_prompts import answer_prompts
from core.engine.arithmetic import LaidOut
from core.engine.arm_prefixes import ArmPrefixes
from core.engine.decoding import Decoding
from core.engine.generate import Generated, generate_batch
from core.engine.not_finite import not_finite_row
from core.engine.plan import Arm, Block, Plan, key_columns
from core.engine.prefix import Prefix
from core.errors import ModelError
from core.models.loading import LoadedModel
from core.prompts.modes import MODES
from core.store.run_states import RunStates


class ChoiceWorker:
    """Keeps what blocks share: prefixes, calibrations, word boundaries, weights laid out for speed.

    Args:
        labelled: questions to calibrate on, empty unless by Platt.
        tokens: of a packed batch at most.
    """

    def __init__(
        self, plan: Plan, reader: Reader, labelled: list[Question], loaded: LoadedModel, tokens: int
    ) -> None:
        self.plan, self.reader, self.labelled = plan, reader, labelled
        self.loaded, self.tokens = loaded, tokens
        self.boundary = None if reader.single else boundary_ids(loaded.tokenizer)
        self._prefixes, self._weights = ArmPrefixes(plan, loaded), LaidOut(loaded.parameters)
        self._calibrations: dict[Arm, Calibration] = {}

    def generate(self, blocks: Sequence[Block]) -> list[list[Generated]]:
        """The answers of blocks that are asked together, each block's in its order."""

        def answer(asked: Asked, prefix: Prefix, packed: bool) -> list[Generated]:
            return generate_batch(
                self.loaded,
                [item.prompt.ids for _, item in asked],
                self.reader,
                self.plan.settings.decoding,
                prefix=prefix,
                positions=self.plan.settings.positions,
                boundary=self.boundary,
                keys=[self.plan.sampling_key(block, item) for block, item in asked],
                continuations=self.plan.continuations,
                packed=packed,
            )

        with self._weights.in_force():
            return answer_blocks(self.loaded, self._prefixes, blocks, self.tokens, answer)

    def write_tokens(self, store: RunStates, run: str, block: Block, generated: list[Generated]) -> None:
        """The states of generated tokens, which choices do not keep."""

    def calibrations(self, block: Block) -> list[dict]:
        """How the leans of the block's answers are calibrated, as database rows."""
        return [] if self.plan.settings.calibration == "none" else [self.calibration_row(block.arm)]

    def rows(self, block: Block, generated: list[Generated]) -> list[dict]:
        """The block's answers as database rows."""
        offset = self.calibration(block.arm).offset
        rows = []
        for item, answer in zip(block.items, generated, strict=True):
            if not answer.finite:
                rows.append(
                    key_columns(block, item)
                    | not_finite_row(answer.text, answer.ids)
                    | {"prompt_tokens": len(item.prompt.ids)}
                )
                continue
            p_0, p_1 = choice_masses(self.reader, list(answer.spelling_probabilities))
            rows.append(
                {
                    **key_columns(block, item),
                    "generated": answer.text,
                    "ids": json.dumps(answer.ids),
                    "said": answer.said.choice,
                    "said_start": answer.said.start,
                    "said_end": answer.said.end,
                    "p_0": p_0,
                    "p_1": p_1,
                    "outside": max(0.0, 1 - p_0 - p_1),
                    "leans": leaning(p_0, p_1),
                    "leans_calibrated": leaning(p_0, p_1, offset),
                    "offset": offset,
                    "spellings": json.dumps(answer.spelling_probabilities),
                    "top": json.dumps(answer.top),
                    "prompt_tokens": len(item.prompt.ids),
                    "not_finite": 0,
                }
            )
        return rows

    def calibration(self, arm: Arm) -> Calibration:
        """The curve of an arm: fitted under honest for every mode, or in the arm's own mode where so set."""
        settings = self.plan.settings
        fitted_in = arm if settings.calibration_per_mode else replace(arm, mode="honest")
        if settings.calibration == "none":
            return Calibration()
        if fitted_in not in self._calibrations:
            fit = self._fit_labelled if settings.calibration == "platt" else self._fit_content_free
            self._calibrations[fitted_in] = fit(fitted_in)
        return self._calibrations[fitted_in]

    def calibration_row(self, arm: Arm) -> dict:
        """An arm's calibration as a database row."""
        found = self.calibration(arm)
        values = asdict(found)
        values["fitted_in"] = values.pop("mode")
        return asdict(arm) | values

    def _fit_content_free(self, arm: Arm) -> Calibration:
        method = self.plan.settings.calibration
        texts = CONTENT_FREE_MEAN if method == MEAN else CONTENT_FREE
        claims: tuple[str | None, ...] = (None,)
        if self.plan.questions[0].claim is not None:
            claims = tuple(sorted({q.claim for q in self.plan.questions if q.claim}))
        empty = [self.plan.with_content(text, claim) for claim in claims for text in texts]
        found = self._log_odds(empty, arm)
        width = len(texts)
        by_claim = [found[start : start + width] for start in range(0, len(found), width)]
        return fit_content_free(by_claim, arm.mode, method)

    def _fit_labelled(self, arm: Arm) -> Calibration:
        falsely = MODES[arm.mode].expects == "falsehood"
        wanted = [1 - q.label if falsely else q.label for q in self.labelled]
        return fit_labelled(self._log_odds(self.labelled, arm), wanted, arm.mode)

    def _log_odds(self, questions: list[Question], arm: Arm) -> list[float]:
        """The log-odds of the positive choice at the first token of each question's answer, nats."""
        prompts = [self.plan.prompt(question, arm).ids for question in questions]
        one_token = Decoding(max_new_tokens=1)
        answers: dict[int, Generated] = {}
        with self._weights.in_force():
            for places, made in answer_prompts(
                self.loaded,
                prompts,
                self.reader,
                one_token,
                prefix=self._prefixes.of((arm,), prompts),
                boundary=self.boundary,
            ):
                answers.update(zip(places, made, strict=True))
        if not all(answer.finite for answer in answers.values()):
            raise ModelError(
                f"{self.loaded.name} gives NaN or infinity where its leans are to be calibrated: its weights "
                f"are damaged, or it overflows in {self.loaded.dtype}; with --calibration none the answers "
                "that this touches are marked"
            )
        masses = (
            choice_masses(self.reader, list(answers[n].spelling_probabilities)) for n in range(len(prompts))
        )
        return [log_odds(*pair) for pair in masses]
