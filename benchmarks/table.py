"""The results as text: columns for a terminal, pipes for a page."""

from collections.abc import Sequence

from benchmarks.operators import Profile
from benchmarks.row import Bar, Row

HEADS = ("what", "against", "bar", "median", "least to most", "pairs", "")


def cells(row: Row) -> list[str]:
    """A row's cells, one for each of `HEADS`."""
    bar = "" if row.bar is None else bar_text(row.bar, row.share)
    if row.found is None or row.ratio is None:
        return [row.name, row.against, bar, "", "", "", row.verdict]
    middle, least, most = (figure(value, row.share) for value in row.ratio)
    return [row.name, row.against, bar, middle, f"{least} to {most}", str(len(row.found.ratios)), row.verdict]


def figure(value: float, share: bool) -> str:
    """A ratio as it is shown."""
    return f"{value:.0%}" if share else f"{value:.2f} ×"


def bar_text(bar: Bar, share: bool) -> str:
    """What the median must come to, in words."""
    return f"at {'most' if bar.most else 'least'} {f'{bar.value:.0%}' if share else f'{bar.value:g} ×'}"


def results_table(rows: Sequence[Row]) -> str:
    """Every row, and under it what was checked."""
    lines = columns([list(HEADS), *map(cells, rows)])
    notes = ["", *(f"  {row.found.checked}" if row.found else "" for row in rows)]
    return "\n".join("\n".join(filter(None, pair)) for pair in zip(lines, notes, strict=True))


def profile_table(profile: Profile) -> str:
    """One side's operators."""
    lines = columns([["operator", "share of time", "calls"], *profile_cells(profile)])
    return "\n".join([f"{profile.side}, {profile.seconds:.2f} s under the profiler", *lines])


def profile_cells(profile: Profile) -> list[list[str]]:
    """The cells of an operator table; its last row is what no operator took."""
    shown = [[operator.name, f"{operator.share:.1%}", str(operator.calls)] for operator in profile.operators]
    return [*shown, ["outside operators", f"{profile.outside:.1%}", ""]]


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines whose columns stand under one another."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def pipes(table: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table; the first row is its head."""
    head, *body = (["" if not cell else cell.replace("|", "\\|") for cell in row] for row in table)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))
