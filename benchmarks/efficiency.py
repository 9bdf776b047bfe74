"""How much of the machine's arithmetic a harvest uses: what its prompts need at least, over its time."""

from collections.abc import Iterator
from functools import partial
from statistics import median

from benchmarks.arithmetic import flop, needed, product_rates
from benchmarks.bench import Bench
from benchmarks.harvests import SHOTS
from benchmarks.row import Bar, Found, Row, measure_row
from benchmarks.sides import Task, harvested, make_task

CPU_BAR = Bar(0.9)
SIDE_ON_GPU = 8192


def efficiency_rows(bench: Bench) -> Iterator[Row]:
    """Zero-shot and six-shot, against the faster of two rates of a large product measured beside it."""
    on_gpu = bench.loaded.device.type == "cuda"
    side = SIDE_ON_GPU if on_gpu else bench.size.side
    kind = str(bench.loaded.dtype).removeprefix("torch.")
    for shots, how in SHOTS.items():
        yield measure_row(
            f"arithmetic of the harvest, {how}",
            f"the rate of a {side}³ {kind} product",
            None if on_gpu else CPU_BAR,
            partial(measure, bench, make_task(bench, shots), side),
            share=True,
        )


def measure(bench: Bench, task: Task, side: int) -> Found:
    """Product and harvest in turn."""
    loaded = bench.loaded
    harvested(task, bench)
    least = needed(task.prompts, loaded)
    whole = sum(flop(loaded, len(prompt), 0) for prompt in task.prompts)
    seconds, plain, fast = [], [], []
    for _ in range(bench.size.pairs):
        rates = product_rates(loaded.device, loaded.dtype, side)
        plain.append(rates[0])
        fast.append(rates[1])
        seconds.append(harvested(task, bench)[0])
    best = [max(rates) for rates in zip(plain, fast, strict=True)]
    shares = [least / took / rate for took, rate in zip(seconds, best, strict=True)]
    of_own = median(least / took / rate for took, rate in zip(seconds, plain, strict=True))
    checked = (
        f"{least / 1e9:,.0f} GFLOP, each shared beginning read once; product at {median(plain) / 1e9:,.0f} "
        f"GFLOP/s by PyTorch and {median(fast) / 1e9:,.0f} by the engine (oneDNN on CPU), judged against the "
        f"faster one; {of_own:.0%} of PyTorch's own"
    )
    return Found(
        shares,
        checked,
        {
            "seconds": seconds,
            "flop_needed": least,
            "flop_of_a_plain_loop": whole,
            "product_flops": plain,
            "product_flops_engine": fast,
            "share_of_pytorch": of_own,
            "answers_per_second": len(task.prompts) / median(seconds),
        },
    )
