"""What the figures were measured on, and how busy it was with other things."""

import os
import platform
from pathlib import Path

import torch
import transformers

from benchmarks.arithmetic import product_rates
from benchmarks.bench import Bench


def machine(bench: Bench) -> dict:
    """Plain JSON values; `load_before` is the mean number of processes that ran in the last minute."""
    loaded = bench.loaded
    load = os.getloadavg()[0]
    plain, fast = product_rates(loaded.device, loaded.dtype, bench.size.side)
    on_gpu = loaded.device.type == "cuda"
    return {
        "processor": torch.cuda.get_device_name(loaded.device) if on_gpu else _processor(),
        "device": loaded.device.type,
        "dtype": str(loaded.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "load_before": round(load, 1),
        "product_side": bench.size.side,
        "product_gflops": round(plain / 1e9, 1),
        "product_gflops_engine": round(fast / 1e9, 1),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
