"""Cuts answers that are sorted by length into batches: packed ones by tokens, padded ones by cost."""

BATCH = 32
OVERHEAD = 48
PACKED_TOKENS = 1024
"""Tokens of a packed batch: enough that reading the weights costs little, few enough to stay in the cache."""
PACKED_ROWS = 128
"""Answers of a packed batch: each has keys and values of its own once it goes on past its prompt."""


def cut_packed(lengths: list[int], most: int = PACKED_TOKENS, rows: int = PACKED_ROWS) -> list[range]:
    """As few batches in order as hold at most so many tokens and answers each, or one answer.

    Args:
        lengths: tokens that each answer puts through the model.
    """
    batches: list[range] = []
    start, held = 0, 0
    for number, length in enumerate(lengths):
        if number > start and (held + length > most or number - start == rows):
            batches.append(range(start, number))
            start, held = number, 0
        held += length
    return [*batches, range(start, len(lengths))] if lengths else []


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
