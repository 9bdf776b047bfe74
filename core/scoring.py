"""Scores what people type: as text that the model reads, and as a turn forced into its own mouth.

Per token and layer each layer's own probe is used. Template tokens and the very first token are masked (its
states are an attention sink's), and positions that the probe was not trained on are marked, not hidden.
"""

from dataclasses import dataclass

import numpy as np
import torch

from core.answers import make_reader
from core.data.question import Question
from core.engine.capture import StateCapture
from core.engine.generate import Decoding, Generated, generate_batch
from core.engine.settings import HarvestSettings
from core.errors import DataError
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.prompts.chat import Prompt, chat_format, check_length, defuse, render, render_turns
from core.prompts.modes import instruction


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Probe scores over the tokens of one prompt.

    Attributes:
        tokens: as the tokenizer writes them.
        scores: (tokens, layers); each layer by its own probe.
        masked: (tokens,): template tokens, special tokens and the first token, which mean nothing here.
        trained: (tokens,): the position that the probe was trained on.
    """

    tokens: list[str]
    scores: np.ndarray
    masked: np.ndarray
    trained: np.ndarray


@torch.inference_mode()
def all_states(loaded: LoadedModel, ids: tuple[int, ...]) -> np.ndarray:
    """States of every position of one prompt, (tokens, layers, d_model), before any final norm."""
    with StateCapture(loaded, whole=True) as capture:
        loaded.model(torch.tensor([ids], device=loaded.device), use_cache=False, logits_to_keep=1)
        return capture.take()[0].numpy()


def score_prompt(loaded: LoadedModel, bundle: FittedProbe, prompt: Prompt, content: str) -> TokenScores:
    """Scores of every token of a prompt; tokens outside `content` are masked.

    Args:
        content: the part of the prompt's text that a person typed.
    """
    scores = bundle.scores(all_states(loaded, prompt.ids))
    tokens = loaded.tokenizer.convert_ids_to_tokens(list(prompt.ids))
    start = prompt.text.rfind(content)
    inside = np.zeros(len(tokens), dtype=bool)
    place = 0
    for number, piece in enumerate(_pieces(loaded, prompt.ids)):
        inside[number] = start >= 0 and place + len(piece) > start and place < start + len(content)
        place += len(piece)
    specials = set(loaded.tokenizer.all_special_ids)
    masked = ~inside | np.array([number in specials for number in prompt.ids])
    masked[0] = True
    trained = np.zeros(len(tokens), dtype=bool)
    if bundle.facts["position"] == "prompt":
        trained[-1] = True
    return TokenScores(tokens, scores, masked, trained)


def _pieces(loaded: LoadedModel, ids: tuple[int, ...]) -> list[str]:
    """The text that each token adds."""
    ends = [len(loaded.tokenizer.decode(list(ids[: end + 1]))) for end in range(len(ids))]
    whole = loaded.tokenizer.decode(list(ids))
    return [whole[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def statement_question(settings: HarvestSettings, text: str, choices: tuple[str, str]) -> Question:
    """A typed statement as a question of the run's kind; its label is not known and not used.

    Raises:
        DataError: the text is empty.
    """
    if not text.strip():
        raise DataError("a statement is empty: type something to score")
    claim = choices[1] if settings.data.form == "claim" else None
    kind = ("False", "True") if settings.template.asks_for_truth else choices
    return Question("typed", text.strip(), 0, kind, "typed", "typed", claim)


def score_texts(
    loaded: LoadedModel,
    settings: HarvestSettings,
    bundle: FittedProbe,
    texts: list[str],
    modes: tuple[str, ...] = ("honest", "lie"),
) -> dict:
    """Put statements to the model in each mode through the run's template, and score its states.

    Returns:
        layer, and scores: one entry per text and mode with text, mode, said (the choice or None),
        probability (calibrated, of the probe's positive class), score, percentile, unlike_training, tokens,
        masked, trained, and token_scores (tokens × layers).

    Raises:
        DataError: an empty text. TemplateError: a prompt longer than the context.
    """
    reader = make_reader(loaded.tokenizer, settings.template.choices)
    form = chat_format(loaded.tokenizer, settings.system, settings.chat)
    scores = []
    for text in texts:
        question = statement_question(settings, text, settings.template.choices)
        for mode in modes:
            prompt = render(loaded.tokenizer, settings.template, question, mode=mode, form=form)
            check_length(prompt, settings.decoding.max_new_tokens, loaded.context, "the statement")
            answer = generate_batch(
                loaded,
                [prompt.ids],
                reader,
                Decoding(settings.decoding.max_new_tokens),
                positions=tuple({"prompt", bundle.facts["position"]}),
            )[0]
            scores.append(_entry(loaded, bundle, prompt, text, mode, answer, reader.choices))
    return {"layer": bundle.layer, "scores": scores}


def _entry(
    loaded: LoadedModel,
    bundle: FittedProbe,
    prompt: Prompt,
    text: str,
    mode: str,
    answer: Generated,
    choices: tuple[str, str],
) -> dict:
    state = answer.states[bundle.facts["position"]][bundle.layer][None]
    by_token = score_prompt(loaded, bundle, prompt, defuse(loaded.tokenizer, text.strip()))
    value = state @ bundle.vectors[bundle.layer] + bundle.intercepts[bundle.layer]
    known = not np.isnan(value[0])
    percentile, unlike = bundle.unlike(state) if known else (np.array([np.nan]), np.array([True]))
    return {
        "text": text,
        "mode": mode,
        "said": None if answer.said.choice is None else choices[answer.said.choice],
        "generated": answer.text,
        "score": float(value[0]) if known else None,
        "probability": float(bundle.probability(value)[0]) if known else None,
        "percentile": float(percentile[0]) if known else None,
        "unlike_training": bool(unlike[0]),
        "tokens": by_token.tokens,
        "masked": by_token.masked.tolist(),
        "trained": by_token.trained.tolist(),
        "token_scores": by_token.scores.tolist(),
    }


def forced_turn(
    loaded: LoadedModel,
    settings: HarvestSettings,
    bundle: FittedProbe,
    question: str,
    statement: str,
    mode: str,
) -> TokenScores:
    """Scores over a statement put into the model's own mouth, as its reply to a question.

    The model did not choose these words: they are forced, and to be labelled so.
    """
    form = chat_format(loaded.tokenizer, settings.system, settings.chat)
    asked = defuse(loaded.tokenizer, question.strip() or "Tell me something.")
    start = render_turns(loaded.tokenizer, instruction(mode, 0), [], asked, "", form)
    reply = defuse(loaded.tokenizer, statement.strip())
    if not reply:
        raise DataError("a statement is empty: type something to score")
    text = start.text + ("" if form.chat else " ") + reply
    ids = tuple(loaded.tokenizer(text, add_special_tokens=not form.chat).input_ids)
    prompt = Prompt(text, ids)
    check_length(prompt, 0, loaded.context, "the statement")
    return score_prompt(loaded, bundle, prompt, reply)
