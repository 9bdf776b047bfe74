"""The harvest against what a user would otherwise pick, on the same prompts, zero-shot and six-shot."""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import torch

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.compare import in_turn
from benchmarks.row import Bar, Found, Row, measure_row
from benchmarks.sides import (
    BATCH,
    PromptSide,
    Read,
    Task,
    disagreement,
    harvested,
    make_task,
    padded_batches,
    plain_loop,
)

SHOTS = {0: "zero-shot", 6: "six-shot"}
LOOP = "plain loop: generate, one prompt at a time"
SIDES: dict[str, Callable[[Bench], PromptSide]] = {
    LOOP: lambda bench: plain_loop(bench.loaded),
    "the same call, batched by 32 with padding": lambda bench: padded_batches(bench.loaded),
    "TransformerLens run_with_cache, batched by 32": peers.transformer_lens,
    "nnsight trace, batched by 32": peers.nnsight,
}
LOOP_BARS, BATCH_BARS, GPU_BAR = {0: 3.0, 6: 9.0}, {0: 2.3, 6: 10.0}, 20.0


def harvest_rows(bench: Bench) -> Iterator[Row]:
    """A row for each side, zero-shot and six-shot."""
    for shots, how in SHOTS.items():
        task = make_task(bench, shots)
        for against, make_side in SIDES.items():
            yield measure_row(
                f"harvest, {how}",
                against,
                bar(bench.loaded.device, shots, against == LOOP),
                partial(measure, bench, task, make_side),
            )


def bar(device: torch.device, shots: int, loop: bool) -> Bar | None:
    """How many times as fast the harvest must be; a GPU has a bar against the loop alone."""
    if device.type == "cuda":
        return Bar(GPU_BAR) if loop else None
    return Bar((LOOP_BARS if loop else BATCH_BARS)[shots])


def measure(bench: Bench, task: Task, make_side: Callable[[Bench], PromptSide]) -> Found:
    """Harvest and side in turn, on the same prompts.

    Raises:
        DisagreementError: states or answers of both differ.
        NotRunError: the side cannot be had.
    """
    side = make_side(bench)
    side(task.prompts[:BATCH])
    harvested(task, bench)
    distances, same = [], []

    def compare(ours: Read, theirs: Read) -> None:
        distances.append(disagreement(ours, theirs, bench.loaded))
        same.append(int((ours.answers == theirs.answers).sum()))

    seconds = in_turn(partial(harvested, task, bench), partial(side, task.prompts), bench.size.pairs, compare)
    answers, tokens = len(task.prompts), sum(map(len, task.prompts))
    checked = (
        f"{answers} answers, {tokens / answers:.0f} prompt tokens each; states agree to "
        f"{max(distances):.1e}, {min(same)} of {answers} answers the same"
    )
    ours, theirs = median(seconds.ours), median(seconds.theirs)
    return Found(
        seconds.ratios,
        checked,
        {
            "seconds": seconds.ours,
            "seconds_against": seconds.theirs,
            "answers_per_second": answers / ours,
            "answers_per_second_against": answers / theirs,
            "prompt_tokens_per_second": tokens / ours,
            "prompt_tokens_per_second_against": tokens / theirs,
        },
    )
