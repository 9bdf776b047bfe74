"""Cuts answers that are sorted by length into batches that waste little on padding."""

BATCH = 32
OVERHEAD = 48


def cut_batches(lengths: list[int], most: int = BATCH) -> list[range]:
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
