"""What a harvest costs at a size that nobody here has run: `python docs/scale.py`; other sizes by options.

Bytes follow from the store's own format; rates come from the options, whose defaults say where they were
measured or that they are assumed. Nothing is run.
"""

import argparse
from dataclasses import dataclass

BLOCK, SMALL, SMALL_BLOCK = 256, 4_000, 32
"""Answers of a chunk: as `core.engine.plan.make_plan` chooses it."""
FLOAT, CHECKSUM = 4, 4


@dataclass(frozen=True)
class Harvest:
    """A harvest of made size, and what is assumed of the machines.

    Attributes:
        tokens: new tokens of an answer, what prompts share counted once.
        flops: a GPU's usable rate in half precision, FLOP/s.
        row, journal: bytes of an answer in the database and in the run's journal.
        read: bytes a second at which one layer is read; disk: at which states are written.
    """

    parameters: float
    layers: int
    d_model: int
    questions: int
    modes: int
    positions: int
    tokens: float
    flops: float
    row: int
    journal: int
    read: float
    disk: float

    @property
    def answers(self) -> int:
        """Each question is answered in each mode."""
        return self.questions * self.modes

    @property
    def state_bytes(self) -> float:
        """Of all layers, the embedding output among them, at all positions."""
        return self.answers * self.positions * (self.layers + 1) * self.d_model * FLOAT

    @property
    def files(self) -> int:
        """Chunks: one for a block of answers, a layer and a position."""
        block = SMALL_BLOCK if self.answers <= SMALL else BLOCK
        return -(-self.answers // block) * (self.layers + 1) * self.positions

    @property
    def gpu_hours(self) -> float:
        """Two floating-point operations for a parameter and token."""
        return 2 * self.parameters * self.tokens * self.answers / self.flops / 3600

    @property
    def layer_bytes(self) -> float:
        """What a page reads of a run for one layer at one position."""
        return self.answers * self.d_model * FLOAT

    def lines(self) -> list[str]:
        """The figures as a Markdown table."""
        rate = self.state_bytes / (self.gpu_hours * 3600)
        per_layer = self.files // (self.layers + 1) // self.positions
        return [
            "| what | how much |",
            "| --- | --- |",
            f"| answers | {self.answers:,} |",
            f"| GPU-hours, if each GPU does {self.flops / 1e12:,.0f} TFLOP/s | {self.gpu_hours:,.0f} |",
            f"| states written | {amount(self.state_bytes)} in {self.files:,} files |",
            f"| states written a second of one GPU | {amount(rate)}/s; "
            f"a disk of {amount(self.disk)}/s keeps up with {self.disk / rate:,.0f} GPUs |",
            f"| database | {amount(self.answers * self.row)} |",
            f"| journal | {amount(self.answers * self.journal)} |",
            f"| read for one layer (a probe, a projection) | {amount(self.layer_bytes)} in "
            f"{per_layer:,} files, {self.layer_bytes / self.read:,.1f} s |",
            f"| read for a sweep over all layers | {amount(self.layer_bytes * (self.layers + 1))}, "
            f"{self.layer_bytes * (self.layers + 1) / self.read / 60:,.0f} min |",
            f"| one layer in memory | {amount(self.layer_bytes)} |",
        ]


def amount(size: float) -> str:
    """Bytes in a unit that suits them."""
    units = iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while size >= 1000:
        size, unit = size / 1000, next(units)
    return f"{size:,.1f} {unit}"


def main() -> None:
    """Print the table of the harvest that the options describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=float, default=70e9)
    parser.add_argument("--layers", type=int, default=80, help="blocks")
    parser.add_argument("--d-model", type=int, default=8192)
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--modes", type=int, default=2)
    parser.add_argument("--positions", type=int, default=4)
    parser.add_argument("--tokens", type=float, default=45, help="measured: zero-shot reviews, 35 to 45")
    parser.add_argument("--flops", type=float, default=400e12, help="assumed: 40 %% of an H100's bf16 peak")
    parser.add_argument("--row", type=int, default=870, help="measured: 7,990 answers of 17 runs")
    parser.add_argument("--journal", type=int, default=780, help="measured: the same")
    parser.add_argument(
        "--read", type=float, default=1.5e9, help="measured: 46 MB layers from memory, checked"
    )
    parser.add_argument(
        "--disk", type=float, default=2e9, help="assumed: one NVMe disk, or a shared file system"
    )
    print("\n".join(Harvest(**vars(parser.parse_args())).lines()))


if __name__ == "__main__":
    main()
