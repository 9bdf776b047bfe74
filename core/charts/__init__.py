"""Charts: a data frame in, a Plotly figure out, nothing else; for pages, reports and notebooks alike."""

from core.charts.answers import class_balance, outcomes, spelling_bars
from core.charts.calibration import confusion, reliability, reliability_of_leans
from core.charts.elicit import elicit_heat_map
from core.charts.layers import CONTROL, by_layer
from core.charts.projection import scatter, small_multiples
from core.charts.statements import score_distribution, token_heat_map
from core.charts.style import NEGATIVE, NEUTRAL, POSITIVE, band, escaped, layout, palette, shown, tint

__all__ = [
    "CONTROL",
    "NEGATIVE",
    "NEUTRAL",
    "POSITIVE",
    "band",
    "by_layer",
    "class_balance",
    "confusion",
    "elicit_heat_map",
    "escaped",
    "layout",
    "outcomes",
    "palette",
    "reliability",
    "reliability_of_leans",
    "scatter",
    "score_distribution",
    "shown",
    "small_multiples",
    "spelling_bars",
    "tint",
    "token_heat_map",
]
