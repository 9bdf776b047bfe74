"""Successive halving: every cell on a few questions, the best half on twice as many, and so on.

Source: Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
"""

import math


def rung_sizes(cells: int, n: int, start: int) -> tuple[int, ...]:
    """How many questions each rung is judged on; a rung's questions begin with those of the one before.

    As many rungs as halving needs to get to one cell, the last on `n` questions, each before it on half as
    many (made even, so that labels balance), none on fewer than `start`. Few cells therefore begin high: with
    two, both are judged on all `n`.
    """
    sizes = [n]
    while len(sizes) < max(1, math.ceil(math.log2(cells))):
        half = -(-sizes[0] // 2)
        half += half % 2
        if half < start or half >= sizes[0]:
            break
        sizes.insert(0, half)
    return tuple(sizes)


def kept(cells: int) -> int:
    """How many of a rung's cells go on: the better half, rounded up."""
    return -(-cells // 2)


def planned_answers(cells: int, sizes: tuple[int, ...], modes: int) -> int:
    """How many answers the whole search takes: later rungs only ask what is new to them."""
    total, before = 0, 0
    for size in sizes:
        total += cells * (size - before) * modes
        cells, before = kept(cells), size
    return total
