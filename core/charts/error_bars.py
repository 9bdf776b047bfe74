"""Error bars: a table's 95 % intervals as Plotly draws them on either axis."""

import pandas as pd


def error_bars(rows: pd.DataFrame, value: str, colour: str) -> dict[str, object]:
    """What `error_x` or `error_y` of a trace takes, one bar a row.

    Args:
        rows: `value` in the column of that name, and low and high, the ends of its interval.
    """
    values = rows[value].astype(float)
    return {
        "type": "data",
        "symmetric": False,
        "array": rows["high"].astype(float) - values,
        "arrayminus": values - rows["low"].astype(float),
        "color": colour,
    }
