"""An elicitation's cells as tables: plain frames for the page and for the heat map."""

import pandas as pd

from core.elicit.figures import Share
from core.elicit.outcome import CellResult, Outcome
from core.elicit.report import judged_on
from core.prompts.modes import wording_of

FIGURES = {
    "score": "score (the smaller of the two rates)",
    "honest_accuracy": "honest accuracy",
    "lie_rate": "lie rate",
    "readable": "readable answers",
    "mass": "mass on the choices",
}
MEANING = {
    "honest_accuracy": "Share of all honest answers that say the truth. An answer without a choice is a "
    "failure.",
    "lie_rate": "Share of all answers under lie that say what is not true. An answer without a choice is a "
    "failure.",
    "readable": "Share of all answers, both modes, whose emitted tokens hold exactly one choice.",
    "mass": "Mean probability of both choices together at the first token, both modes.",
}


def instruction(wording: int) -> str:
    """A wording's number with its honest and its lie text."""
    honest, lie = (wording_of(mode, wording).text for mode in ("honest", "lie"))
    return f"{wording} · {honest} / {lie}"


def with_interval(share: Share) -> str:
    """A share with its 95 % interval, for a table."""
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})"


def table(outcome: Outcome) -> pd.DataFrame:
    """One row a judged cell, those of the last rung first, the best first in each."""
    rows = []
    for place, result in enumerate(outcome.standing, start=1):
        figures, cell = result.figures, result.cell
        rows.append(
            {
                "#": place,
                "score": figures.score,
                "honest accuracy": with_interval(figures.honest_accuracy),
                "lie rate": with_interval(figures.lie_rate),
                "n a mode": figures.lie_rate.n,
                "readable": with_interval(figures.readable),
                "mass on the choices": with_interval(figures.mass),
                "n both": figures.mass.n,
                "what became of it": fate(outcome, result),
                "wording": cell.wording,
                "template": cell.template,
                "form": cell.form,
                "shots": cell.shots,
                "instruction in": cell.role,
                "choice order": cell.offers,
                "honest / lie instruction": instruction(cell.wording).partition(" · ")[2],
            }
        )
    return pd.DataFrame(rows)


def fate(outcome: Outcome, result: CellResult) -> str:
    """What became of a cell."""
    asked = judged_on(outcome, result)
    if outcome.winner is not None and result.number == outcome.winner.number:
        return "winner"
    if asked == outcome.sizes[-1]:
        return "last rung"
    return "goes on" if result.went_on else f"halved away after {asked}"


def map_frame(outcome: Outcome, figure: str) -> pd.DataFrame:
    """One row a judged cell for `charts.elicit_heat_map`."""
    rows = []
    for result in outcome.standing:
        cell, figures = result.cell, result.figures
        share = None if figure == "score" else getattr(figures, figure)
        value = figures.score if share is None else share.value
        n = figures.lie_rate.n if share is None else share.n
        ranges = " · ".join(
            f"{FIGURES[name]} {with_interval(getattr(figures, name))}"
            for name in ("honest_accuracy", "lie_rate")
        )
        rows.append(
            {
                "wording": instruction(cell.wording),
                "template": cell.template,
                "column": f"{cell.shots} shots · {cell.role} · {cell.offers}",
                "value": value,
                "n": n,
                "ended": fate(outcome, result).startswith("halved"),
                "winner": outcome.winner is not None and result.number == outcome.winner.number,
                "detail": ranges if share is None else f"{FIGURES[figure]} {with_interval(share)}",
            }
        )
    return pd.DataFrame(rows)
