"""An elicitation for people and scripts: a table's rows, JSON, and plain lines."""

from dataclasses import replace

from core.elicit.outcome import CellResult, Outcome
from core.elicit.store import Elicitation
from core.elicit.winner import OPTIMISTIC, UNPROVEN, harvest_command, is_proven, winner_settings

FIGURES = {
    "honest_accuracy": "honest accuracy",
    "lie_rate": "lie rate",
    "readable": "readable",
    "mass": "mass on the choices",
}


def to_json(record: Elicitation, outcome: Outcome) -> dict:
    """Everything, under names that scripts may count on.

    Returns:
        elicitation, model, finished, unfit (what, why), rungs (questions, cells: cell, went_on), cells
        (each judged cell by its last rung, as `result_json`), winner (the same, with `command`,
        `left_out` and `proven`: whether both rates' intervals lie above 0.5; None while there is none).
    """
    winner = outcome.winner
    return {
        "elicitation": record.elicitation,
        "model": record.facts["model"],
        "finished": winner is not None,
        "unfit": record.facts["unfit"],
        "rungs": [
            {"questions": rung.questions, "cells": [result_json(r, rung.questions) for r in rung.results]}
            for rung in outcome.rungs
        ],
        "cells": [result_json(result, judged_on(outcome, result)) for result in outcome.standing],
        "winner": winner
        and result_json(winner, outcome.sizes[-1])
        | {
            "command": harvest_command(winner_settings(record, outcome)),
            "left_out": record.elicitation,
            "proven": is_proven(winner),
        },
    }


def result_json(result: CellResult, questions: int) -> dict:
    """One cell: its number, its settings, its score and each figure with interval and n."""
    figures = {name: getattr(result.figures, name).to_json() for name in FIGURES}
    return {
        "cell": result.number,
        **result.cell.to_dict(),
        "questions": questions,
        "score": result.figures.score,
        **figures,
        "went_on": result.went_on,
    }


def judged_on(outcome: Outcome, result: CellResult) -> int:
    """The questions of the last rung that a cell was judged in."""
    return next(
        rung.questions
        for rung in reversed(outcome.rungs)
        if any(other.number == result.number for other in rung.results)
    )


def turned_round(outcome: Outcome, result: CellResult) -> CellResult | None:
    """The same cell in the other choice order, where it was judged."""
    other = replace(result.cell, order=1 - result.cell.order)
    return next((found for found in outcome.standing if found.cell == other), None)


def turned_sentence(outcome: Outcome, turned: CellResult) -> str:
    """How the winner's settings do in the other order; far worse there means that answers go by the order."""
    f = turned.figures
    rates = ", ".join(
        f"{FIGURES[name]} {share.value:.2f} ({share.low:.2f} to {share.high:.2f})"
        for name, share in (("honest_accuracy", f.honest_accuracy), ("lie_rate", f.lie_rate))
    )
    asked = judged_on(outcome, turned)
    return f"The same with the other choice order, {turned.cell.offers}: {rates}, n {asked} a mode."


def lines(record: Elicitation, outcome: Outcome) -> list[str]:
    """The table for a terminal, the winner, and what it is not."""
    head = f"{'score':>5}  {'honest':>6} {'95 %':^13}  {'lie':>5} {'95 %':^13}  read  mass  asked  cell"
    found = [f"elicitation {record.elicitation} · {record.facts['model']}", head]
    for result in outcome.standing:
        f, cell = result.figures, result.cell
        honest, lie = f.honest_accuracy, f.lie_rate
        mark = " ← winner" if outcome.winner and result.number == outcome.winner.number else ""
        found.append(
            f"{f.score:>5.2f}  {honest.value:>6.2f} {honest.low:.2f} to {honest.high:.2f}"
            f"   {lie.value:>5.2f} {lie.low:.2f} to {lie.high:.2f}  {f.readable.value:.2f}  "
            f"{f.mass.value:.2f}  {judged_on(outcome, result):>5}  wording {cell.wording} · "
            f"{cell.template} · {cell.form} · {cell.shots} shots · {cell.role} · {cell.offers}{mark}"
        )
    found += [f"left out: {entry['what']}: {entry['why']}" for entry in record.facts["unfit"]]
    found.append("Rates are of all answers: one that gives no choice counts as a failure in both.")
    if outcome.winner:
        command = harvest_command(winner_settings(record, outcome))
        turned = turned_round(outcome, outcome.winner)
        found += [] if turned is None else [turned_sentence(outcome, turned)]
        found += [] if is_proven(outcome.winner) else [UNPROVEN]
        found += [OPTIMISTIC, f"use it (--n for fewer questions): {command}"]
    return found
