"""Figures of the answers: rates, outcomes, cells, spellings, and how far leans can be relied on."""

import pandas as pd

from core import charts
from core.beliefs import BASES
from core.calibration import calibration_sentences
from core.charts.pruning import side_by_side
from core.engine.settings import HarvestSettings
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.labels import belief_summary
from core.open_summary import outcome_table
from core.pruning.effect import counts_by_cell, rates
from core.reliability import honest_reliability
from core.spellings import spelling_table
from core.store.sample import draw_questions

SECTION = "Answers"
MOST = 4000
"""Answers whose probabilities of every spelling are read; of longer runs a seeded sample."""
AS_LEFT = "these"
"""What `core.pruning.effect.rates` calls the rates with people's decisions."""


def figures_of_answers(at: Answered) -> Drawn:
    """The rates, the cells of mode and truth, and how the choices were read."""
    if at.open:
        return [*_rates(at), *_outcomes(at)]
    return [*_rates(at), _cells(at), *_readings(at)]


def rate_lines(found: pd.DataFrame, when: dict[str, str]) -> pd.DataFrame:
    """Rates as `side_by_side` draws them: one line for each rate and set of questions.

    Args:
        found: of `core.pruning.effect.rates`.
        when: what to call the rates with and without decisions; what it lacks is left out.
    """
    found = found[found["decisions"].isin(list(when))]
    lines = found.rename(columns={"share": "value"}).assign(
        what=found["rate"] + ", " + found["questions"] + " questions", when=found["decisions"].map(when)
    )
    return lines[["what", "when", "value", "low", "high", "n"]].reset_index(drop=True)


def _rates(at: Answered) -> Drawn:
    title = "What was said under each instruction"
    lines = rate_lines(rates(at.judged, at.labelled), {AS_LEFT: "share of readable answers"})
    if lines["value"].isna().all():
        why = "no answer under honest or lie holds a choice, or none is judged"
        return [Absent(SECTION, title, why)]
    caption = (
        "Shares of readable answers with 95 % intervals that know of groups. A lie contradicts what the "
        "model itself holds under honest: an error is not a lie. Under honest, the questions that it knows "
        "are right by construction."
    )
    if (believed := belief_summary(at.labelled))["knows"] is not None:
        low, high = believed["ci"]
        chance = "" if believed["chance"] is None else f"; by chance {believed['chance']:.0%}"
        caption += (
            f" It knows {believed['knows']:.0%} of {believed['n']:,} questions (95 %: {low:.0%} to {high:.0%}"
            f"{chance}): {BASES[believed['basis']]}."
        )
    named = lines.assign(what=[f"{row.what} · n {row.n:,}" for row in lines.itertuples()])
    chart = side_by_side(named, "share of readable answers (95 % interval)", "rate")
    table = lines.drop(columns="when").rename(columns={"value": "share"})
    command = f"telltale runs show {at.run.run}"
    return [RunFigure("rates", SECTION, title, caption, chart, table, command, _finding(lines))]


def _finding(lines: pd.DataFrame) -> str:
    """The rates over all questions, in words; those that cannot be had are left out."""
    told = [
        f"{row.what.split(',')[0]} {row.value:.0%} (95 %: {row.low:.0%} to {row.high:.0%}, n {row.n:,})"
        for row in lines.dropna(subset=["value"]).itertuples()
        if row.what.endswith("all questions")
    ]
    return f"Of readable answers: {'; '.join(told)}."


def _outcomes(at: Answered) -> Drawn:
    table = outcome_table(at.labelled)
    if table is None:
        return []
    caption = "Shares of each mode's answers with 95 % intervals that know of groups; n in the legend."
    title, command = "How the open answers came out", f"telltale runs show {at.run.run}"
    return [RunFigure("outcomes", SECTION, title, caption, charts.outcomes(table), table, command)]


def _cells(at: Answered) -> RunFigure:
    cells = counts_by_cell(at.labelled)
    cells["truth"] = [at.choices[int(label)] for label in cells["label"]]
    before, after = (cells.rename(columns={part: "n"}) for part in ("before", "training"))
    dropped = int(cells["before"].sum() - cells["training"].sum())
    caption = (
        f"n {len(at.labelled):,} answers; pruning takes {dropped:,} of them out of training data. Counts, "
        "and so without intervals."
    )
    table = cells[["mode", "truth", "before", "test", "training"]]
    table = table.rename(columns={"test": "left as test data", "training": "left as training data"})
    chart = charts.class_balance(before, after, at.choices)
    title, command = "Answers by mode and truth", f"telltale export {at.run.run} --file answers.csv"
    return RunFigure("class-balance", SECTION, title, caption, chart, table, command)


def _readings(at: Answered) -> Drawn:
    """How the choices are spelt, and whether leans are calibrated: of a sample of whole questions."""
    spelt, relied = "Which spellings carry the choices", "Calibration of what the model leans to"
    store, run = at.store, at.run
    drawn = draw_questions(store.numbers(run.run), MOST)
    frame = store.answers(run.run, heavy=True, numbers=drawn)
    if frame["p_0"].isna().all():
        why = "no answer of this run comes with the probabilities of its choices"
        return [Absent(SECTION, spelt, why), Absent(SECTION, relied, why)]
    frame = frame[frame["p_0"].notna()]
    n = len(frame)
    of = f"{n:,} answers" if n == run.answers else f"a seeded sample of {n:,} of {run.answers:,} answers"
    found: Drawn = [_spellings(at, frame, of)]
    curves, command = store.calibrations(run.run), f"telltale calibration {run.run}"
    judged = honest_reliability(frame, curves)
    if judged is None:
        why = "nothing was asked under honest, where it is judged"
        return [*found, Absent(SECTION, relied, why)]
    raw, calibrated = judged
    settings = HarvestSettings.from_dict(run.settings)
    told = calibration_sentences(curves, settings.calibration, settings.calibration_per_mode)
    caption = (
        f"Under honest, of {of}, dropped ones too; n of each bin beside it, 95 % intervals over groups. Raw: "
        f"{raw.sentence()}. Calibrated: {calibrated.sentence()}. {' '.join(told)} What is said is never "
        "calibrated."
    )
    chart = charts.reliability_of_leans(raw.bins, calibrated.bins, at.choices[1])
    table = pd.concat([raw.bins.assign(probability="raw"), calibrated.bins.assign(probability="calibrated")])
    return [
        *found,
        RunFigure("reliability-of-leans", SECTION, relied, caption, chart, table, command),
    ]


def _spellings(at: Answered, frame: pd.DataFrame, of: str) -> RunFigure:
    table = spelling_table(at.run, frame)
    table = table.assign(label=[repr(text) for text in table["text"]], ids=table["ids"].map(str))
    caption = (
        f"Means over {of}, dropped ones too. Every spelling of a choice is summed; which of them the model "
        "emits is in the table. They describe these answers, and so have no interval."
    )
    chart = charts.spelling_bars(table, at.run.facts["single_token"])
    shown = table[["choice", "label", "token", "mean_probability", "share_of_choice", "emitted", "n"]]
    return RunFigure(
        "spellings",
        SECTION,
        "Which spellings carry the choices",
        caption,
        chart,
        shown.rename(columns={"label": "spelling"}),
        f"telltale figures {at.run.run} --format html --folder figures",
    )
