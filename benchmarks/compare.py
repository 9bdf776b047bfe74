"""Runs both sides in turn and says how they compare; refuses to where their states differ."""

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.arithmetic import flop, flop_with_prefix, matmul_rates
from benchmarks.sides import Tokens, counting, disagreement, harvested, looped, make_task
from core.errors import TelltaleError
from core.models.loading import LoadedModel

TOLERANCE = 1e-4
BARS = {0: 2.0, 6: 5.0}


class DisagreementError(TelltaleError):
    """The two sides gave different states: their speeds are not worth comparing."""


@dataclass(frozen=True)
class Side:
    """One side's figures.

    Attributes:
        seconds: of each repetition.
        answers_per_second: at the median.
        tokens: put through the model in one repetition, padding included.
        padding: share of those that is padding.
        efficiency: FLOP needed ÷ time ÷ the machine's float32 rate, at the median.
    """

    seconds: list[float]
    answers_per_second: float
    tokens: int
    padding: float
    efficiency: float


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes:
        bar: what the median ratio must reach; None where there is none.
        ratio: plain loop's time ÷ harvest's time: median, least, most.
        ratios: of each pair.
        disagreement: largest relative distance between states of both sides.
    """

    shots: int
    answers: int
    prompt_tokens: float
    bar: float | None
    ratio: tuple[float, float, float]
    ratios: list[float]
    disagreement: float
    harvest: Side
    loop: Side

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.bar is None or self.ratio[0] >= self.bar

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return asdict(self) | {"met": self.met}


def compare(
    loaded: LoadedModel, cache: Path, *, questions: int, shots: int, pairs: int, side: int = 2048
) -> Comparison:
    """Harvest and plain loop in turn, `pairs` times, on the same prompts.

    Args:
        questions: each asked in both modes.
        side: of the square matrices that the machine's rate is measured with.

    Raises:
        DisagreementError: any two states differ by more than `TOLERANCE`.
    """
    task = make_task(loaded, cache, questions, shots)
    lengths = [len(prompt) for prompt in task.prompts]
    with counting(loaded) as seen:
        harvested(task, loaded)
    looped(task.prompts[:4], loaded)
    harvest_seconds, loop_seconds, rates, worst = [], [], [], 0.0
    for _ in range(pairs):
        rates.append(max(matmul_rates(loaded.device, side)))
        seconds, ours = harvested(task, loaded)
        harvest_seconds.append(seconds)
        seconds, plain = looped(task.prompts, loaded)
        loop_seconds.append(seconds)
        worst = max(worst, disagreement(ours, plain, loaded))
        if not worst <= TOLERANCE:
            raise DisagreementError(
                f"{shots}-shot states of harvest and plain loop differ by {worst:.1e}, more than "
                f"{TOLERANCE:g}: no speed is reported"
            )
    ratios = [plain / ours for plain, ours in zip(loop_seconds, harvest_seconds, strict=True)]
    count = Tokens(sum(tokens.computed for tokens in seen), sum(tokens.padding for tokens in seen))
    needed = sum(flop(loaded, length, 0) for length in lengths)
    return Comparison(
        shots=shots,
        answers=len(lengths),
        prompt_tokens=sum(lengths) / len(lengths),
        bar=BARS.get(shots),
        ratio=(median(ratios), min(ratios), max(ratios)),
        ratios=ratios,
        disagreement=worst,
        harvest=_side(harvest_seconds, len(lengths), count, flop_with_prefix(task, loaded), median(rates)),
        loop=_side(loop_seconds, len(lengths), Tokens(sum(lengths), 0), needed, median(rates)),
    )


def _side(seconds: list[float], answers: int, tokens: Tokens, needed: float, rate: float) -> Side:
    return Side(
        seconds,
        answers / median(seconds),
        tokens.computed,
        tokens.padding / tokens.computed,
        needed / median(seconds) / rate,
    )
