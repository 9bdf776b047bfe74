"""`python -m benchmarks`: one run, one table, and `benchmarks/results.json`.

Exit code 1 where a bar is missed in a full run, 2 where nothing could be measured.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import transformers

from benchmarks.arithmetic import matmul_rates
from benchmarks.compare import Comparison, compare
from benchmarks.probes import ProbeComparison, compare_probes, made_states
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.paths import cache_folder

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Size:
    """How much is measured: questions (each in both modes), pairs of repetitions, layers of made states."""

    questions: int
    pairs: int
    layers: int


FULL, QUICK = Size(questions=24, pairs=5, layers=31), Size(questions=8, pairs=2, layers=6)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look that takes a minute; writes no results")
    parser.add_argument("--cache", help="the cache folder")
    chosen = parser.parse_args(arguments)
    size = QUICK if chosen.quick else FULL
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        cache = cache_folder(chosen.cache)
        loaded = load_model(ModelSettings(), cache)
        facts = machine(loaded.device)
        comparisons = [
            compare(loaded, cache, questions=size.questions, shots=shots, pairs=size.pairs)
            for shots in (0, 6)
        ]
        probes = compare_probes(made_states(size.layers, answers=1000, dimensions=576), size.pairs)
    except TelltaleError as error:
        print(f"telltale: {error}", file=sys.stderr)
        return 2
    print(table(facts, loaded.name, comparisons))
    print(probe_table(probes))
    if chosen.quick:
        return 0
    results = {
        "model": loaded.name,
        "machine": facts,
        "movie_reviews": [c.to_dict() for c in comparisons],
        "probes": probes.to_dict(),
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if probes.met and all(comparison.met for comparison in comparisons) else 1


def machine(device: torch.device) -> dict:
    """What the figures were measured on, and how busy it was with other things (processes, last minute)."""
    load = os.getloadavg()[0]
    plain, fast = matmul_rates(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "threads": torch.get_num_threads(),
        "load_before": round(load, 1),
        "device": device.type,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "matmul_gflops": round(plain / 1e9, 1),
        "matmul_gflops_engine": round(fast / 1e9, 1),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def table(facts: dict, model: str, comparisons: list[Comparison]) -> str:
    """The figures as text."""
    names = ["shots", "answers", "side", "answers/s", "seconds", "tokens", "padding", "efficiency", "ratio"]
    rows = [names]
    for c in comparisons:
        for name, side in (("harvest", c.harvest), ("plain loop", c.loop)):
            spread = f"{sorted(side.seconds)[len(side.seconds) // 2]:.2f}"
            ratio = f"{c.ratio[0]:.2f} × ({c.ratio[1]:.2f} to {c.ratio[2]:.2f})" if name == "harvest" else ""
            figures = [f"{side.answers_per_second:.1f}", spread, str(side.tokens)]
            shares = [f"{side.padding:.0%}", f"{side.efficiency:.0%}"]
            rows.append([str(c.shots), str(c.answers), name, *figures, *shares, ratio])
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    said = [
        f"{c.shots}-shot: bar {c.bar:g} × {'met' if c.met else 'MISSED'}, "
        f"states agree to {c.disagreement:.1e}, {len(c.ratios)} pairs"
        for c in comparisons
        if c.bar is not None
    ]
    head = (
        f"{model}, movie reviews in both modes, every layer, one new token\n"
        f"{facts['processor']}, {facts['threads']} threads, {facts['instructions']}, load before: "
        f"{facts['load_before']}\n2048³ float32 product: "
        f"{facts['matmul_gflops']:.0f} GFLOP/s by PyTorch, {facts['matmul_gflops_engine']:.0f} by the engine"
    )
    return "\n".join([head, "", *lines, "", *said])


def probe_table(found: ProbeComparison) -> str:
    """What `compare_probes` found, as text."""
    middle, low, high = found.ratio
    ours, loop = (f"{median(seconds):.2f} s" for seconds in (found.seconds, found.loop_seconds))
    return (
        f"\nfive-fold logistic regression at {found.layers} layers of made states, "
        f"{found.answers:,} answers × {found.dimensions}, "
        f"AUROC {found.auroc[0]:.2f} to {found.auroc[1]:.2f}\n"
        f"Telltale {ours}, scikit-learn's loop over layers {loop} (joblib, {found.backend}): "
        f"{middle:.2f} × ({low:.2f} to {high:.2f})\n"
        f"bar {found.bar:g} × {'met' if found.met else 'MISSED'}, "
        f"AUROCs differ by {found.difference:.1e} at most, {len(found.ratios)} pairs"
    )


if __name__ == "__main__":
    sys.exit(main())
