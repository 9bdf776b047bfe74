"""Cuts answers that are sorted by length into batches: packed ones by tokens, padded ones by cost."""

BATCH = 32
OVERHEAD = 48
PACKED_TOKENS = 1024
"""Tokens of a packed batch: enough that reading the weights costs little, few enough to stay in the cache."""
PACKED_ROWS = 128
PACKED_SEEN = 32 * 1024
"""Answers of a packed batch, and keys that they see where each has its own: at one layer at a time while
prompts are read, at all layers once answers go on past them."""


def cut_packed(
    fresh: list[int],
    whole: list[int],
    past: int = 0,
    *,
    most: int = PACKED_TOKENS,
    rows: int = PACKED_ROWS,
    seen: int = PACKED_SEEN,
) -> list[range]:
    """Few batches in order, of about the same size, that hold at most so much each, or one answer.

    Args:
        fresh: tokens that each answer puts through the model beside those before it.
        whole: tokens that it puts through the model by itself.
        past: tokens of a prefix that all see.
        most: tokens of a batch, and a quarter more where the last few would else be a batch of their own.
        rows: answers of a batch.
        seen: answers × the tokens that the longest of them sees.
    """
    most += most // 4
    batches: list[range] = []
    start = held = longest = 0
    total = sum(fresh)
    even = total / max(1, -(-total // most))
    for number, (new, length) in enumerate(zip(fresh, whole, strict=True)):
        longest = max(longest, past + length)
        count = number + 1 - start
        full = new > 0 and (held >= even or held + new > most)
        if count > 1 and (full or count > rows or count * longest > seen):
            batches.append(range(start, number))
            start, held, longest = number, 0, past + length
        held += length if number == start else new
    return [*batches, range(start, len(whole))] if whole else []


def cut_padded(lengths: list[int], most: int = BATCH) -> list[range]:
    """The batches that cost least, where a batch costs its padded tokens and a fixed overhead.

    The overhead is what reading the weights costs, in tokens of arithmetic: without it each length would
    become a batch of its own.

    Args:
        lengths: tokens that each answer puts through the model, in ascending order for little padding.
        most: answers that a batch may hold.
    """
    least, begins = [0], [0]
    for end in range(1, len(lengths) + 1):
        costs = [
            (least[start] + max(lengths[start:end]) * (end - start) + OVERHEAD, start)
            for start in range(max(0, end - most), end)
        ]
        cost, start = min(costs)
        least.append(cost)
        begins.append(start)
    batches: list[range] = []
    end = len(lengths)
    while end:
        batches.insert(0, range(begins[end], end))
        end = begins[end]
    return batches
