"""Tokens: which spellings carry a choice, what lies outside, and whether the reading can be trusted."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core import charts
from core.calibration import calibration_sentences
from core.diagnostics import ReadingWarning, prompt_tokens, reading_warnings
from core.engine.settings import HarvestSettings
from core.errors import StoreError
from core.models.tokenizers import load_tokenizer
from core.reliability import Reliability, honest_reliability
from core.spellings import Outside, Share, first_spelling_share, outside_table, spelling_table
from core.store.runs import Run
from core.store.sample import draw_questions
from dashboard import chart_with_table, in_address, session
from dashboard.need_run import need_run_of_choices

MOST = 4000
"""Answers that are read, with all their probabilities; of longer runs a sample."""
LISTED = 500
"""Answers that can be chosen by their text; others by their number."""

PART_COLOUR = {
    "instruction": "#d9d2e9",
    "demonstrations": "#e2efda",
    "question": "#dfe9f3",
    "format": "#eeeeee",
    "prompt": "#dfe9f3",
    "answer": "#f6d5a8",
}


@dataclass(frozen=True, eq=False)
class Read:
    """What the page shows of the answers that it read, once and not at each drawing."""

    answers: pd.DataFrame
    warnings: list[ReadingWarning]
    reliability: tuple[Reliability, Reliability] | None


@dataclass(frozen=True, eq=False)
class Counted:
    """The tables of one mode's answers, or of all."""

    spellings: pd.DataFrame
    first: Share
    outside: Outside


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    read = _read(str(session.cache()), run.run, run.answers)
    modes = list(dict.fromkeys(read.answers["mode"]))
    picked = in_address.segmented_control(
        st, "Answers", [*modes, "all"], "answers", key="token_mode", default="all"
    )
    mode = None if picked == "all" else picked
    say_sample(run, read)
    counted = _counted(str(session.cache()), run.run, run.answers, mode)
    warnings(read)
    left, right = st.columns([3, 2], gap="large")
    with left:
        spellings(run, counted)
    with right:
        outside(counted.outside)
    calibration(run, read)
    one_answer(run, read)


@st.cache_resource(max_entries=2, show_spinner="Reading the answers …")
def _read(cache: str, run: str, answers: int) -> Read:
    store = session.run_store()
    drawn = draw_questions(store.numbers(run), MOST)
    frame = store.answers(run, heavy=True, numbers=drawn)
    found = honest_reliability(frame, store.calibrations(run))
    return Read(frame, reading_warnings(store.run(run), frame), found)


@st.cache_resource(max_entries=8, show_spinner="Counting spellings …")
def _counted(cache: str, run: str, answers: int, mode: str | None) -> Counted:
    record, frame = session.run_store().run(run), _read(cache, run, answers).answers
    tokenizer = tokenizer_of(record)
    return Counted(
        spelling_table(record, frame, mode),
        first_spelling_share(record, frame, mode),
        outside_table(record, frame, tokenizer, mode),
    )


def tokenizer_of(run: Run) -> object:
    """The tokenizer of a run's model."""
    return load_tokenizer(HarvestSettings.from_dict(run.settings).model, session.cache())


def say_sample(run: Run, read: Read) -> None:
    """Which answers count on this page."""
    n = len(read.answers)
    if n < run.answers:
        st.caption(
            f"Everything here is of a seeded sample of whole questions: {n:,} of {run.answers:,} answers, "
            "dropped ones too."
        )
    else:
        st.caption("All answers count here, dropped ones too; warnings are of the whole run.")


def warnings(read: Read) -> None:
    """Every reason not to trust a reading, first."""
    found = read.warnings
    for severity, title, box in (
        ("warning", "These readings are not to be trusted as they stand", st.warning),
        ("note", "To be known", st.info),
    ):
        lines = [f"- {session.as_text(entry.text)}" for entry in found if entry.severity == severity]
        if lines:
            box("\n".join([f"**{title}**", *lines]))
    if not found:
        st.success("Nothing here speaks against these readings.")


def spellings(run: Run, counted: Counted) -> None:
    """For each choice every spelling: ids, probability, which one the model in fact uses."""
    table, share = counted.spellings, counted.first
    st.markdown(f"**Spellings** · n {int(table['n'].max()) if len(table) else 0:,} answers")
    shown = table.assign(label=[repr(text) for text in table["text"]])
    chart_with_table.show(
        charts.spelling_bars(shown, run.facts["single_token"]),
        shown.drop(columns="text"),
        "mean probability of each spelling",
        "spellings",
    )
    if share.n:
        st.markdown(
            f"If only the first spelling of each choice were counted, the lean of **{share.share:.0%}** of "
            f"answers would change (95 %: {share.ci[0]:.0%} to {share.ci[1]:.0%}; "
            f"{share.count:,} of {share.n:,})."
        )
    st.dataframe(
        shown.drop(columns=["text", "n"]),
        hide_index=True,
        column_config={
            "label": st.column_config.TextColumn("spelling"),
            "ids": st.column_config.TextColumn("ids"),
            "token": st.column_config.TextColumn("as the tokenizer writes it"),
            "mean_probability": st.column_config.NumberColumn("mean probability", format="%.4f"),
            "emitted": st.column_config.NumberColumn("emitted", help="Answers whose choice is written so."),
            "emitted_first": st.column_config.NumberColumn(
                "as first token", help="Of these, the answers that begin with it."
            ),
            "most_used": st.column_config.CheckboxColumn("most used"),
            "share_of_choice": st.column_config.NumberColumn("share of its choice", format="percent"),
        },
        column_order=[
            "choice",
            "label",
            "ids",
            "token",
            "mean_probability",
            "share_of_choice",
            "emitted",
            "emitted_first",
            "most_used",
        ],
    )


def outside(found: Outside) -> None:
    """What the probability outside both choices went to."""
    st.markdown(f"**Outside both choices** · n {found.n:,} answers")
    st.metric("Mean probability on no choice", f"{found.mean:.3f}")
    if found.mean > 0:
        st.caption(f"The ten likeliest tokens of each answer account for {found.explained:.0%} of it.")
    table = found.table.assign(text=[repr(text) for text in found.table["text"]])
    st.dataframe(table.round(4), hide_index=True, height=430)


def calibration(run: Run, read: Read) -> None:
    """How leans are calibrated, and whether they can be relied on under honest."""
    st.markdown("**Calibration** · how leans are read; never what was said")
    curves = session.run_store().calibrations(run.run)
    settings = HarvestSettings.from_dict(run.settings)
    st.caption(" ".join(calibration_sentences(curves, settings.calibration, settings.calibration_per_mode)))
    if len(curves) and not curves["rises"].all():
        st.warning(
            "Log-odds did not rise with the truth on the labelled questions: an offset was fitted, no slope."
        )
    if (found := read.reliability) is None:
        st.info("Reliability is judged under honest: add **honest** to a run's modes on the Generate page.")
        return
    raw, calibrated = found
    left, right = st.columns([3, 2], gap="large")
    names = run.facts["choices"]
    with left:
        chart_with_table.show(
            charts.reliability_of_leans(raw.bins, calibrated.bins, names[1]),
            pd.concat([raw.bins.assign(leans="raw"), calibrated.bins.assign(leans="calibrated")]),
            "how often a choice is true, by its probability",
            "reliability of leans",
        )
    for name, judged in (("raw", raw), ("calibrated", calibrated)):
        right.metric(
            f"Expected calibration error, {name}",
            f"{judged.ece:.3f}",
            help="The mean distance between observed share and predicted probability over the bins, "
            "weighted by their answers. In few answers even perfect calibration shows some. The interval is "
            "a bootstrap over groups, with the part that noise adds taken off its lower end.",
        )
        right.caption(
            f"95 %: {judged.ci[0]:.3f} to {judged.ci[1]:.3f} · n {judged.n:,} honest answers to "
            f"{judged.questions:,} questions · perfect calibration would show {judged.by_chance:.3f}"
        )
    if len(curves):
        with right.expander("Each arm's curve"):
            st.dataframe(curves, hide_index=True)


def one_answer(run: Run, read: Read) -> None:
    """One prompt and its answer, token by token."""
    st.markdown("**One answer, token by token**")
    listed = read.answers.iloc[:LISTED]
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    chosen = in_address.selectbox(
        left,
        "Answer",
        range(len(listed)),
        "answer",
        format_func=lambda n: (
            f"{listed['answer'].iloc[n]} · {listed['mode'].iloc[n]} · {listed['text'].iloc[n][:90]}"
        ),
        key="token_answer",
    )
    row = listed.iloc[chosen]
    if len(listed) < run.answers:
        other = right.number_input("Or its number", 0, None, None, key=f"token_answer of {run.run}")
        left.caption(f"Listed are {len(listed):,} of {run.answers:,} answers; any other goes by its number.")
        if other is not None:
            try:
                row = session.run_store().answers_at(run.run, [int(other)], heavy=True).iloc[0]
            except StoreError as refused:
                st.error(session.as_text(refused))
                return
    tokenizer = tokenizer_of(run)
    table = prompt_tokens(run, row, tokenizer)
    used = [part for part in PART_COLOUR if part in set(table["part"])]
    st.html(session.token_strip(used, [PART_COLOUR[part] for part in used]))
    titles = [f"id {r.id} · position {r.position} · {r.part}" for r in table.itertuples()]
    st.html(session.token_strip(list(table["token"]), [PART_COLOUR[p] for p in table["part"]], titles))
    with st.expander(f"{len(table)} tokens with their ids"):
        st.dataframe(table, hide_index=True, height=300)


main()
