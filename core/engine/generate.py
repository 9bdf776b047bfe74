"""Generates short answers in batches and reads states from that same generation.

Prompts are packed into one row, or padded on the left, with correct position ids, so that an answer and its
states depend on neither batch size nor neighbours. Step 0 reads the last prompt token; step t reads generated
token t - 1, fed back.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from core.answers import Reader, Said, read_said
from core.engine.capture import StateCapture
from core.engine.decoding import Decoding
from core.engine.packed import Read, packable, read_packed
from core.engine.prefix import EMPTY, Prefix
from core.models.loading import LoadedModel
from core.store.states import CONTINUATIONS

TOP = 10


@dataclass(frozen=True, eq=False)
class Generated:
    """One answer as it came out of the model.

    Attributes:
        ids: emitted tokens, the end-of-turn token last where the model wrote it.
        text: their text, without special tokens.
        said: the choice that they amount to.
        spelling_probabilities: one per spelling of the reader.
        top: the ten likeliest first tokens, (id, probability).
        states: for each position wanted, and each continuation, (layers, d_model) float32; NaN where it has
            none.
        finite: as in `Emitted`, the spellings' probabilities among them.
    """

    ids: tuple[int, ...]
    text: str
    said: Said
    spelling_probabilities: tuple[float, ...]
    top: tuple[tuple[int, float], ...]
    states: dict[str, np.ndarray]
    finite: bool = True


def end_ids(loaded: LoadedModel) -> set[int]:
    """The ids that end a turn."""
    configured = loaded.model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return {int(number) for number in [*ids, loaded.tokenizer.eos_token_id] if number is not None}


@dataclass(frozen=True, eq=False)
class Emitted:
    """What was generated, unread.

    Attributes:
        ids, text, top: as in `Generated`.
        content: the ids without those that end the turn.
        steps: states (steps, layers, d_model) float32: step 0 of the last prompt token, step t of generated
            token t - 1, fed back.
        continued: of each continuation its last token's states, (layers, d_model) float32.
        finite: whether all of its states are numbers and every token came of probabilities that are; else it
            says nothing.
    """

    ids: tuple[int, ...]
    content: tuple[int, ...]
    text: str
    top: tuple[tuple[int, float], ...]
    steps: np.ndarray
    continued: tuple[np.ndarray, ...] = ()
    finite: bool = True


FirstStep = Callable[[torch.Tensor, Any, torch.Tensor, torch.Tensor], None]
"""Takes the first token's log-probabilities (row, vocabulary); cache, mask and last position as in `Read`."""


def generate_batch(
    loaded: LoadedModel,
    prompts: list[tuple[int, ...]],
    reader: Reader,
    decoding: Decoding,
    *,
    prefix: Prefix = EMPTY,
    positions: tuple[str, ...] = ("prompt",),
    boundary: list[int] | None = None,
    keys: list[str] | None = None,
    watch: Callable[[int, int], None] | None = None,
    continuations: Sequence[tuple[int, ...]] = (),
    packed: bool = False,
) -> list[Generated]:
    """Answer a batch of prompts, and read which choice each answer is.

    Args:
        prompts: whole prompts, token ids; each begins with the prefix's ids.
        boundary: ids that end a word; needed where the reader's spellings have several tokens.
        keys: one per prompt, so that sampling depends on the answer and not on the batch.
        watch: called with (row, token id) as tokens arrive.
        continuations: ids of both choices; their states are kept under `CONTINUATIONS`.
        packed: see `emit_batch`.
    """
    spellings: list[tuple[float, ...]] = []

    def first_step(first: torch.Tensor, cache: Any, mask: torch.Tensor, last: torch.Tensor) -> None:
        spellings.extend(_spelling_probabilities(loaded, reader, first, cache, mask, last, boundary))

    emitted = emit_batch(
        loaded,
        prompts,
        decoding,
        prefix=prefix,
        feed_last="answer" in positions or "mean" in positions,
        keep_cache=not reader.single,
        keys=keys,
        watch=watch,
        first_step=first_step,
        continuations=continuations,
        packed=packed,
    )
    made = []
    for answer, probabilities in zip(emitted, spellings, strict=True):
        finite = answer.finite and all(map(math.isfinite, probabilities))
        said = read_said(loaded.tokenizer, answer.content, reader.choices) if finite else Said(None)
        states = states_at(answer.steps, positions, said, len(answer.content))
        states |= zip(CONTINUATIONS, answer.continued, strict=False)
        made.append(Generated(answer.ids, answer.text, said, probabilities, answer.top, states, finite))
    return made


@torch.inference_mode()
def emit_batch(
    loaded: LoadedModel,
    prompts: list[tuple[int, ...]],
    decoding: Decoding,
    *,
    prefix: Prefix = EMPTY,
    feed_last: bool = False,
    keep_cache: bool = False,
    keys: list[str] | None = None,
    watch: Callable[[int, int], None] | None = None,
    first_step: FirstStep | None = None,
    continuations: Sequence[tuple[int, ...]] = (),
    packed: bool = False,
) -> list[Emitted]:
    """Generate for a batch of prompts and keep every step's states.

    Args:
        prompts, prefix, keys, watch: as in `generate_batch`.
        feed_last: feed back the last token too: one forward more.
        keep_cache: `first_step` needs the cache even where no step follows.
        first_step: what to do with the first token's probabilities.
        continuations: ids that every prompt is also continued with, whatever is generated; the prompts' keys
            and values serve them all.
        packed: read the prompts in one row where the model can: for whoever has no hook of their own in it,
            which would look for each prompt's last token at the end of its row.
    """
    rows = len(prompts)
    suffixes = [prompt[prefix.length :] for prompt in prompts]
    read = read_packed if packed and packable(loaded) else _read_padded
    ends = end_ids(loaded)
    generators = [np.random.default_rng(_seed(decoding.seed, key)) for key in (keys or [""] * rows)]
    emitted: list[list[int]] = [[] for _ in range(rows)]
    done = [False] * rows
    drawn_soundly = [True] * rows
    steps: list[torch.Tensor] = []
    with StateCapture(loaded) as capture:
        more = decoding.max_new_tokens > 1 or feed_last or keep_cache or len(continuations) > 0
        prompt = read(loaded, capture, suffixes, prefix, more)
        if read is read_packed and bool(prompt.logits.isnan().any()):
            # In one row a NaN of one prompt reaches those that do not see it: NaN times a weight of 0 is NaN.
            capture.take()
            prompt = _read_padded(loaded, capture, suffixes, prefix, more)
        logits, cache, mask, last_places = prompt.logits, prompt.cache, prompt.mask, prompt.last
        steps.append(capture.take_soon())
        first = torch.log_softmax(logits.double(), dim=-1)
        top = first.topk(min(TOP, first.shape[-1]), dim=-1)
        if first_step:
            first_step(first, cache, mask, last_places)
        continued = []
        for ids in continuations:
            _read_on(loaded, ids, cache, mask, last_places, logits_to_keep=1)
            continued.append(capture.take_soon())
        for step in range(decoding.max_new_tokens):
            sound = logits.logsumexp(dim=-1).isfinite().tolist()
            for row in range(rows):
                if done[row]:
                    continue
                drawn_soundly[row] &= sound[row]
                chosen = _pick(logits[row], decoding.temperature, generators[row])
                emitted[row].append(chosen)
                if watch:
                    watch(row, chosen)
                done[row] = chosen in ends or stopped(loaded.tokenizer, emitted[row], decoding.stop)
            last = step + 1 == decoding.max_new_tokens or all(done)
            if last and not feed_last:
                break
            fed = [ids[-1] if len(ids) == step + 1 else loaded.tokenizer.pad_token_id for ids in emitted]
            tokens = torch.tensor(fed, device=loaded.device)[:, None]
            mask = torch.cat([mask, mask.new_ones(rows, 1)], dim=1)
            last_places = last_places + 1
            logits = _forward(loaded, tokens, mask, last_places, cache)
            steps.append(capture.take_soon())
            if last:
                break
        capture.arrived()
    states = torch.stack(steps).float().numpy()
    continuing = [kept.float().numpy() for kept in continued]
    spoken = [sum(number not in ends for number in ids) for ids in emitted]
    return [
        Emitted(
            ids=tuple(emitted[row]),
            content=tuple(number for number in emitted[row] if number not in ends),
            text=loaded.tokenizer.decode(emitted[row], skip_special_tokens=True),
            top=tuple(zip(top.indices[row].tolist(), top.values[row].exp().tolist(), strict=True)),
            steps=states[:, row],
            continued=tuple(of_all[row] for of_all in continuing),
            finite=drawn_soundly[row]
            and all(
                bool(np.isfinite(part).all())
                for part in (states[: spoken[row] + 1, row], *(of_all[row] for of_all in continuing))
            ),
        )
        for row in range(rows)
    ]


def states_at(
    steps: np.ndarray, positions: tuple[str, ...], said: Said, tokens: int
) -> dict[str, np.ndarray]:
    """The states at each position, (layers, d_model); NaN where the answer has none.

    They are copies: a view would keep every step of its whole batch in memory.

    Args:
        steps: of one answer, as in `Emitted`.
        tokens: generated, without those that end the turn.
    """
    missing = np.full(steps.shape[1:], np.nan, dtype=np.float32)
    states: dict[str, np.ndarray] = {}
    for position in positions:
        if position == "prompt":
            states[position] = steps[0].copy()
        elif position == "before":
            states[position] = steps[said.start].copy() if said.choice is not None else missing
        elif position == "answer":
            states[position] = steps[said.end].copy() if said.choice is not None else missing
        else:
            states[position] = steps[1 : tokens + 1].mean(axis=0) if tokens else missing
    return states


def pad_left(
    prompts: Sequence[tuple[int, ...]], past: int, pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids (row, length), attention mask (row, past + length) and position ids (row, length)."""
    longest = max(len(prompt) for prompt in prompts)
    tokens = torch.full((len(prompts), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    places = past + (mask.cumsum(dim=1) - 1).clamp(min=0)
    whole = torch.cat([mask.new_ones(len(prompts), past), mask], dim=1)
    return tokens.to(device), whole.to(device), places.to(device)


def _read_padded(
    loaded: LoadedModel,
    _capture: StateCapture,
    prompts: Sequence[tuple[int, ...]],
    prefix: Prefix,
    keep_cache: bool,
) -> Read:
    """Read prompts in a row each, padded on the left; see `read_packed`."""
    pad = loaded.tokenizer.pad_token_id
    tokens, mask, places = pad_left(prompts, prefix.length, pad, loaded.device)
    cache: Any = None
    if prefix.length:
        cache = prefix.cache(len(prompts))
    elif keep_cache:
        cache = DynamicCache()
    return Read(_forward(loaded, tokens, mask, places, cache), cache, mask, places[:, -1:])


def _forward(
    loaded: LoadedModel, tokens: torch.Tensor, mask: torch.Tensor, places: torch.Tensor, cache: Any
) -> torch.Tensor:
    """Logits of the last position, (row, vocabulary), on the CPU: MPS knows no float64."""
    output = loaded.model(
        input_ids=tokens,
        attention_mask=mask,
        position_ids=places,
        cache=cache,
        use_cache=cache is not None,
        logits_to_keep=1,
    )
    return output.logits[:, -1].float().cpu()


def _read_on(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    cache: Any,
    mask: torch.Tensor,
    last: torch.Tensor,
    logits_to_keep: int = 0,
) -> torch.Tensor:
    """Logits (row, token, vocabulary) of the same ids after each prompt of a batch; its cache stays as it is.

    Args:
        logits_to_keep: of the last so many tokens; 0 for all.
    """
    rows, length = len(mask), len(ids)
    output = loaded.model(
        input_ids=torch.tensor(ids, device=last.device).expand(rows, length),
        attention_mask=torch.cat([mask, mask.new_ones(rows, length)], dim=1),
        position_ids=last + 1 + torch.arange(length, device=last.device),
        cache=copy.deepcopy(cache),
        use_cache=True,
        logits_to_keep=logits_to_keep,
    )
    return output.logits


def _seed(seed: int, key: str) -> list[int]:
    return [seed, *key.encode()]


def _pick(logits: torch.Tensor, temperature: float, generator: np.random.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    likelier = logits.double() - logits.double().max()  # 0 at most, which no temperature overflows
    probabilities = torch.softmax(likelier / temperature, dim=-1).cpu().numpy()
    place = int(np.searchsorted(probabilities.cumsum(), generator.random(), side="right"))
    return min(place, len(probabilities) - 1)


def stopped(tokenizer: Any, ids: list[int], stop: tuple[str, ...]) -> bool:
    """Whether the emitted tokens hold one of the texts at which an answer ends."""
    if not stop:
        return False
    text = tokenizer.decode(ids, skip_special_tokens=True)
    return bool(text.strip()) and any(mark in text.lstrip() for mark in stop)


def _spelling_probabilities(
    loaded: LoadedModel,
    reader: Reader,
    first: torch.Tensor,
    cache: Any,
    mask: torch.Tensor,
    last: torch.Tensor,
    boundary: list[int] | None,
) -> list[tuple[float, ...]]:
    """The probability of every spelling for every row.

    One token: its probability at the first place. Several: the sequence's, times that of a word boundary
    after it.
    """
    if reader.single:
        ids = torch.tensor([spelling.ids[0] for spelling in reader.spellings], device=first.device)
        return [tuple(values) for values in first[:, ids].exp().tolist()]
    ends = torch.tensor(boundary or [], dtype=torch.long, device=first.device)
    columns = []
    for spelling in reader.spellings:
        length = len(spelling.ids)
        logits = _read_on(loaded, spelling.ids, cache, mask, last)
        following = torch.log_softmax(logits.float().cpu().double(), dim=-1)
        total = first[:, spelling.ids[0]].clone()
        for place in range(1, length):
            total += following[:, place - 1, spelling.ids[place]]
        total += torch.logsumexp(following[:, -1][:, ends], dim=-1)
        columns.append(total.exp())
    return [tuple(values) for values in torch.stack(columns, dim=1).tolist()]
