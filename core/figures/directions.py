"""Figures of the honest-trained direction: what it follows, and the lie score that it gives."""

from core.charts import lie_score as lie_charts
from core.charts import read_or_said as read_charts
from core.errors import ProbeError
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.probes.lie_judgements import cells
from core.probes.lie_score import LieScoreSettings
from core.probes.lie_score_of_run import LieScoreReport, known_lie_score, may_give_flips
from core.probes.read_or_said import ReadOrSaid
from core.probes.read_or_said_of_run import known_read_or_said, last_common_layer

READ_OR_SAID, LIE_SCORE = "Read or said", "Lie score"
TITLES = {
    READ_OR_SAID: "What the honest-trained direction follows",
    LIE_SCORE: "How far what is said departs from what is read",
}
MODES = {"honest", "lie"}


def figures_of_directions(at: Answered) -> Drawn:
    """Read or said and the lie score, at each position where they were computed."""
    if at.open or not set(at.run.settings["modes"]) >= MODES:
        why = "it compares answers under honest and under lie, and this run has no choices under both"
        return [Absent(section, title, why) for section, title in TITLES.items()]
    positions = at.store.states(at.run.run).positions()
    drawn: Drawn = []
    for section, draw, command in (
        (READ_OR_SAID, _read_or_said, "read-or-said"),
        (LIE_SCORE, _lie_score, "lie-score"),
    ):
        found = [figure for position in positions for figure in draw(at, position)]
        drawn += found or [_not_computed(at, section, command)]
    return drawn


def _not_computed(at: Answered, section: str, command: str) -> Absent:
    why = "it was not computed for the answers and decisions as they stand"
    return Absent(section, TITLES[section], why, f"telltale {command} {at.run.run}")


def _read_or_said(at: Answered, position: str) -> list[RunFigure]:
    found = known_read_or_said(at.store, at.run.run, position)
    if found is None:
        return []
    common, layers = last_common_layer(at.run), found.to_frame()
    command = f"telltale read-or-said {at.run.run} --position {position}"
    readable = RunFigure(
        f"readable-{position}",
        READ_OR_SAID,
        f"What can be read, by layer, at position {position}",
        f"On answers that the probe never saw, five-fold by groups; 95 % intervals in the table. {_n(found)}",
        read_charts.readable(layers, None, "", common),
        layers,
        command,
    )
    if found.crossover is None:
        return [readable]
    follows = RunFigure(
        f"follows-{position}",
        READ_OR_SAID,
        f"{TITLES[READ_OR_SAID]}, at position {position}",
        f"Bands are 95 % intervals from {found.resamples} resamples of the groups "
        f"that fit every probe anew. {_n(found)} It shows what the direction follows, not what a layer "
        "still holds.",
        read_charts.follows(layers, found.crossover.layer, found.crossover.ci, common),
        layers,
        command,
        found.sentence(common),
    )
    return [follows, readable]


def _n(found: ReadOrSaid) -> str:
    return f"n {found.n['honest']:,} honest and {found.n['lie']:,} lie answers of {found.groups:,} groups."


def _lie_score(at: Answered, position: str) -> list[RunFigure]:
    """With the flips of another run where that was computed, else with this run's own or none."""
    settings = LieScoreSettings(position)
    others = [
        other.run
        for other in at.store.runs()
        if other.run != at.run.run and other.answers and may_give_flips(at.run, other)
    ]
    for flips in (*others, None):
        try:
            report = known_lie_score(at.store, at.run.run, settings, flips)
        except ProbeError:
            continue
        if report is not None and not report.scores.empty:
            return _of_scores(at, report, flips)
    return []


def _of_scores(at: Answered, report: LieScoreReport, flips: str | None) -> list[RunFigure]:
    s, scores = report.settings, report.scores
    other = "" if flips is None else f" --flip-run {flips}"
    command = f"telltale lie-score {at.run.run}{other} --position {s.position} --layer-rule {s.rule}"
    counts = ", ".join(f"{n:,} {mode}" for mode, n in scores["mode"].value_counts(sort=False).items())
    standing = (
        f"n {counts} answers of {scores['group'].nunique():,} groups, each scored by a probe that saw "
        f"nothing of its group; read at {report.at_layers}, chosen by rule {s.rule} without lies."
    )
    figures = lie_charts.figures_of(report.judgements)
    return [
        RunFigure(
            f"lie-score-{s.position}",
            LIE_SCORE,
            f"What the lie score tells apart, at position {s.position}",
            f"{report.beside} {standing} Intervals are over groups of the answers judged, "
            "with the probes as they were fitted: they leave out what refitting would change.",
            lie_charts.told_apart(figures),
            figures.drop(columns="name"),
            command,
            report.sentence,
        ),
        RunFigure(
            f"lie-score-kinds-{s.position}",
            LIE_SCORE,
            f"The lie score of each kind of answer, at position {s.position}",
            "A box holds the middle half, its whiskers reach from the 5th to the 95th percentile. "
            f"{standing} The table has the share of each cell with its 95 % interval.",
            lie_charts.by_kind(scores),
            cells(scores),
            command,
        ),
    ]
