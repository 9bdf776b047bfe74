"""`telltale compare`."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.commands.probing import probe_settings
from core.compare.behaviour import to_frame
from core.compare.estimate import Difference, Figure
from core.compare.judged import judged_beside
from core.compare.layers import ComparedLayers
from core.compare.of_runs import compare_probes, compare_said
from core.compare.settings import settings_beside
from core.csv_text import to_csv
from core.errors import ProbeError
from core.progress import shown_in_percent
from core.shown import named
from core.store.judgements import JudgementStore
from core.store.runs import RunStore


def compare(cache: Path, options: Namespace) -> Result:
    """Two runs side by side: settings, what they say, a probe by layer; one with itself: its pruning."""
    store = RunStore(cache)
    run, other = store.run(options.run), store.run(options.other)
    settings = probe_settings(options)
    said = compare_said(store, run.run, other.run)
    figures = to_frame(said.figures)
    table = settings_beside(run, other)
    judged = judged_beside(JudgementStore(cache), run.run, other.run)
    probes, refused = None, None
    try:
        with shown_in_percent() as show:
            probes = compare_probes(store, run.run, other.run, settings, progress=show)
    except ProbeError as error:
        refused = str(error)
    if options.csv:
        to_csv(figures, options.csv)
    result = {
        "run": run.run,
        "other": other.run,
        "pairing": {
            "kind": said.pairing.kind,
            "questions": [said.pairing.one, said.pairing.other],
            "shared": said.pairing.shared,
        },
        "settings": table.to_dict("records"),
        "figures": figures.to_dict("records"),
        "probe": probes and _probe_json(probes),
        "probe_refused": refused,
        "judged": judged.to_dict("records"),
    }
    itself = run.run == other.run
    names = (f"{run.run} after pruning", "before any decision") if itself else (run.run, other.run)
    lines = [
        f"{names[0]} minus {names[1]}",
        said.pairing.sentence(),
        *(
            f"{row.setting}: {named(row.one)} | {named(row.other)}"
            for row in table[~table["alike"]].itertuples()
        ),
        *(
            f"{row.what}, {row.mode}: {_figure(row.one)} | {_figure(row.other)} | {_apart(row.difference)}"
            for row in said.figures
        ),
        f"no probe: {refused}" if probes is None else _probe_line(probes),
    ]
    return result, "\n".join(lines)


def _probe_json(probes: ComparedLayers) -> dict:
    sides = {
        name: {
            "auroc": side.chosen.value,
            "auroc_ci": list(side.chosen.ci),
            "n": side.chosen.n,
            "n_train": side.n_train,
            "layers": list(side.layers),
        }
        for name, side in (("one", probes.one), ("other", probes.other))
    }
    apart = {"difference": probes.chosen.value, "difference_ci": list(probes.chosen.ci)}
    return {"chosen": sides | apart, "layers": probes.to_frame().to_dict("records")}


def _probe_line(probes: ComparedLayers) -> str:
    s = probes.settings
    return (
        f"AUROC of {s.method}, {s.target} at {s.position}, {s.train} to {s.test}, cross-validated outside of "
        f"test sets: {_figure(probes.one.chosen)} | {_figure(probes.other.chosen)} | {_apart(probes.chosen)}"
    )


def _figure(found: Figure | None) -> str:
    return (
        "–" if found is None else f"{found.value:.3f} ({found.ci[0]:.3f} to {found.ci[1]:.3f}, n {found.n:,})"
    )


def _apart(found: Difference | None) -> str:
    return "–" if found is None else f"{found.value:+.3f} ({found.ci[0]:+.3f} to {found.ci[1]:+.3f})"
