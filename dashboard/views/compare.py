"""Compare: two runs side by side, or one before and after pruning: what they say, and a probe by layer."""

import pandas as pd
import streamlit as st

from core.charts.compare import figures_beside
from core.compare.behaviour import MEANS, Compared, to_frame
from core.compare.judged import judged_beside
from core.compare.settings import settings_beside
from core.probes.of_run import drops_of
from core.store.runs import Run
from dashboard import chart_with_table, in_address, session
from dashboard.compared_probes import probes_beside
from dashboard.compared_said import said_beside
from dashboard.need_run import need_answered_run
from dashboard.take_away import take_away

PRUNING = (
    "The same answers with people's decisions, and without any. Rates count what was dropped for its "
    "outcome; both probes are judged on all of the answers."
)
NAMED = 4
"""Clear differences that the sentence names."""


def main() -> None:
    """The page."""
    run = need_answered_run()
    other = other_run(run)
    names = run_names(run, other)
    itself = run.run == other.run
    of = f"{_short(run)}: " if itself else ""
    st.markdown(f"#### {session.as_text(f'{of}{names[0]} minus {names[1]}')}")
    said = said_beside(run, other)
    st.caption(PRUNING if itself else said.pairing.sentence())
    if itself and not drops_of(session.run_store(), run.run):
        st.info("Nothing is dropped yet: before and after are the same. **Prune** drops answers.")
    for record in (run,) if itself else (run, other):
        if record.state != "complete":
            st.warning(
                f"Run {record.run} is {record.state}: figures are of its {record.answers:,} answers so far."
            )
    if not itself:
        settings(run, other)
    st.markdown("##### What they say")
    st.markdown(clear_differences(said.figures))
    table = to_frame(said.figures)
    if table.empty:
        st.info("The runs have no mode in common: what each of them says is on **Generate** and **Prune**.")
    else:
        drawn = figures_beside(table, names)
        chart_with_table.show(drawn, table, "Figures of two runs and their differences", "compared")
        means = "; ".join(f"*{what}*: {MEANS[what]}" for what in dict.fromkeys(table["figure"]))
        st.caption(f"{means}. Answers dropped for quality are left out.")
    st.markdown("##### What a probe reads")
    probes_beside(run, other, names)
    judged(run, other)
    command = f"telltale compare {run.run} {other.run}"
    take_away("Figures as CSV", table, f"compare-{run.run}-{other.run}.csv", command)


def other_run(run: Run) -> Run:
    """The run that this one is compared with; itself for before and after pruning."""
    there = {record.run: record for record in session.run_store().runs() if record.answers}
    alike = [name for name, record in there.items() if name != run.run and record.asks_alike(run)]
    others = [name for name in there if name != run.run and name not in alike]
    options = [*alike, *others, run.run]
    chosen = in_address.selectbox(
        st,
        "Compared with",
        options,
        "other",
        key=f"other of {run.run}",
        format_func=lambda name: "itself, before pruning" if name == run.run else there[name].title,
        help="The run of the sidebar is the first; runs of the same questions come first in this list.",
    )
    return there[chosen]


def run_names(run: Run, other: Run) -> tuple[str, str]:
    """What to call both: by model and template, and their ids, which alone are never the same."""
    if run.run == other.run:
        return "after pruning", "before pruning"
    return _short(run), _short(other)


def _short(run: Run) -> str:
    return f"{run.facts['model']} · {run.settings['template']['name']} · {run.run[:6]}"


def settings(run: Run, other: Run) -> None:
    """What differs between the two, side by side; what does not is folded away."""
    table = settings_beside(run, other).rename(columns={"one": run.run, "other": other.run})
    unlike, alike = (
        table[table["alike"] == same].drop(columns="alike").reset_index(drop=True) for same in (False, True)
    )
    if unlike.empty:
        st.caption("Both runs have the same settings and model.")
    else:
        st.dataframe(unlike, hide_index=True, alt="Settings in which the two runs differ")
    with st.expander(f"{len(alike)} settings are the same"):
        st.dataframe(alike[["setting", run.run]], hide_index=True)


def clear_differences(figures: list[Compared]) -> str:
    """Which figures differ by more than their intervals leave to chance, in a sentence."""
    apart = [(row, row.difference) for row in figures if row.difference is not None]
    clear = sorted((pair for pair in apart if pair[1].is_clear), key=lambda pair: -abs(pair[1].value))
    if not clear:
        return "No figure differs clearly: each interval of a difference holds 0."
    told = [
        f"{row.what}, {row.mode} {found.value:+.3f} ({found.ci[0]:+.3f} to {found.ci[1]:+.3f})"
        for row, found in clear[:NAMED]
    ]
    more = f"; and {len(clear) - NAMED} more" if len(clear) > NAMED else ""
    return session.as_text(
        f"{len(clear)} of {len(figures)} figures differ clearly: {'; '.join(told)}{more}. "
        "Of many intervals one in twenty misses by chance."
    )


def judged(run: Run, other: Run) -> None:
    """What the test questions of both have judged before now."""
    if run.run == other.run:
        return
    table: pd.DataFrame = judged_beside(session.judgement_store(), run.run, other.run)
    with st.expander(f"{len(table)} configurations were judged on the test questions of both runs"):
        if table.empty:
            st.caption(
                "This page judges no test question. **Probes** does, and what it finds stands here then."
            )
        else:
            st.dataframe(table.round(3), hide_index=True)
            st.caption("As logged when they were judged, without intervals: the log keeps none.")


main()
