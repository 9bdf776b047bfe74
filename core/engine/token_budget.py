"""How many tokens a packed batch holds: found by a short search, and remembered for a model and a device."""

import json
import platform
from pathlib import Path
from time import perf_counter

import torch

from core.downloads import replace_atomically
from core.engine.batches import PACKED_ROWS, PACKED_TOKENS
from core.engine.capture import StateCapture
from core.engine.in_batches import is_out_of_memory
from core.engine.packed import packable, read_packed
from core.engine.prefix import EMPTY
from core.errors import StoreError
from core.models.loading import LoadedModel

ON_CPU = (512, 1024, 2048)
ON_GPU = (2048, 4096, 8192, 16384)
PROMPT = 32
"""Tokens of a made prompt at least: about as many as a review has after its shared beginning."""
WORTH = 0.97
"""A larger batch must take less than this share of a smaller one's time per token."""
PAYS = 20
"""A harvest is worth a search if it reads so many times the tokens that the search does."""


def token_budget(loaded: LoadedModel, cache: Path, to_read: int) -> int:
    """Tokens of a packed batch at most.

    Args:
        to_read: tokens that the harvest will read, about: a short one goes by the usual number.
    """
    path = cache / "derived" / "token-budgets.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    key = f"{loaded.fingerprint} {loaded.dtype} {_device(loaded)}"
    if key in known:
        return int(known[key])
    tried = ON_CPU if loaded.device.type == "cpu" else ON_GPU
    if not packable(loaded) or to_read < PAYS * sum(tried):
        return PACKED_TOKENS
    best = _search(loaded, tried)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_atomically(path, json.dumps(known | {key: best}, indent=1).encode())
    except (OSError, StoreError):
        pass  # found again next time
    return best


def _device(loaded: LoadedModel) -> str:
    if loaded.device.type == "cuda":
        return torch.cuda.get_device_name(loaded.device)
    return f"{loaded.device.type} {platform.machine()} {torch.get_num_threads()} threads"


@torch.inference_mode()
def _search(loaded: LoadedModel, tried: tuple[int, ...]) -> int:
    """The smallest budget that no larger one beats by much; one that does not fit ends the search."""
    generator = torch.Generator().manual_seed(0)
    best, best_time = tried[0], float("inf")
    for number, tokens in enumerate((tried[0], *tried)):  # the first time warms up
        length = max(PROMPT, tokens // PACKED_ROWS)
        drawn = torch.randint(loaded.tokenizer.vocab_size, (tokens // length, length), generator=generator)
        prompts = [tuple(row) for row in drawn.tolist()]
        try:
            with StateCapture(loaded) as capture:
                began = perf_counter()
                read_packed(loaded, capture, prompts, EMPTY, False)
                capture.take()
                spent = (perf_counter() - began) / tokens
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            break
        if number == 0:
            continue
        if spent >= WORTH * best_time:
            break
        best, best_time = tokens, spent
    return best
