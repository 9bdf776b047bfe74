"""Telltale from Python: the words of the command line as functions, from a model to an AUROC by layer.

    import core

    core.fetch()  # the model in the box and its reviews, once
    run = core.harvest("smollm2-135m-liar", "movie-reviews", n=100)  # asks, and keeps the states
    core.answers_of(run)  # a data frame: what was said, and what is true
    probe = core.probe(run, target="truth", train="honest", test="lie")
    probe.to_frame()  # AUROC by layer, with its 95 % interval
    core.figure(probe)  # the same as a Plotly figure, beside what it must beat
    core.figure(core.read_or_said(run))

What else there is, and which command each function is: docs/commands/index.md.

Each is imported when it is first asked for: `import core` itself takes no torch.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.notebook.asking import fetch, harvest, questions, tokens
    from core.notebook.decisions import (
        agreement_of,
        beliefs_of,
        decide,
        decisions,
        disagreements_of,
        export_decisions,
        import_decisions,
        redo,
        rules,
        undo,
    )
    from core.notebook.drawing import figure
    from core.notebook.exchange import export, import_answers, import_states, push
    from core.notebook.experiments import (
        compare_runs,
        lie_score,
        shifts,
        steer,
        sweep,
        write_figures,
        write_report,
    )
    from core.notebook.judging import (
        controls,
        cross_validate,
        false_alarms,
        on_ray,
        probe,
        read_or_said,
        score,
        statements_in,
        transfer,
    )
    from core.notebook.keeping import (
        add_probe,
        calibration_of,
        delete,
        delete_probe,
        doctor,
        empty_trash,
        export_probe,
        merge,
        note,
        restore,
        saved_probe,
        saved_probes,
        summary_of,
        tag,
        trash,
        untag,
    )
    from core.notebook.models import elicit_lies, model_facts, train_liar, winner_of
    from core.notebook.stored import answers_of, run, runs
    from core.prompts.templates import Template

PLACES = {
    "core.notebook.asking": (
        "fetch",
        "harvest",
        "questions",
        "tokens",
    ),
    "core.notebook.decisions": (
        "agreement_of",
        "beliefs_of",
        "decide",
        "decisions",
        "disagreements_of",
        "export_decisions",
        "import_decisions",
        "redo",
        "rules",
        "undo",
    ),
    "core.notebook.drawing": ("figure",),
    "core.notebook.exchange": (
        "export",
        "import_answers",
        "import_states",
        "push",
    ),
    "core.notebook.experiments": (
        "compare_runs",
        "lie_score",
        "shifts",
        "steer",
        "sweep",
        "write_figures",
        "write_report",
    ),
    "core.notebook.judging": (
        "controls",
        "cross_validate",
        "false_alarms",
        "on_ray",
        "probe",
        "read_or_said",
        "score",
        "statements_in",
        "transfer",
    ),
    "core.notebook.keeping": (
        "add_probe",
        "calibration_of",
        "delete",
        "delete_probe",
        "doctor",
        "empty_trash",
        "export_probe",
        "merge",
        "note",
        "restore",
        "saved_probe",
        "saved_probes",
        "summary_of",
        "tag",
        "trash",
        "untag",
    ),
    "core.notebook.models": (
        "elicit_lies",
        "model_facts",
        "train_liar",
        "winner_of",
    ),
    "core.notebook.stored": (
        "answers_of",
        "run",
        "runs",
    ),
    "core.prompts.templates": ("Template",),
}
"""Where each public name comes from."""

__all__ = [
    "Template",
    "add_probe",
    "agreement_of",
    "answers_of",
    "beliefs_of",
    "calibration_of",
    "compare_runs",
    "controls",
    "cross_validate",
    "decide",
    "decisions",
    "delete",
    "delete_probe",
    "disagreements_of",
    "doctor",
    "elicit_lies",
    "empty_trash",
    "export",
    "export_decisions",
    "export_probe",
    "false_alarms",
    "fetch",
    "figure",
    "harvest",
    "import_answers",
    "import_decisions",
    "import_states",
    "lie_score",
    "merge",
    "model_facts",
    "note",
    "on_ray",
    "probe",
    "push",
    "questions",
    "read_or_said",
    "redo",
    "restore",
    "rules",
    "run",
    "runs",
    "saved_probe",
    "saved_probes",
    "score",
    "shifts",
    "statements_in",
    "steer",
    "summary_of",
    "sweep",
    "tag",
    "tokens",
    "train_liar",
    "transfer",
    "trash",
    "undo",
    "untag",
    "winner_of",
    "write_figures",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """A public name, imported on its first use."""
    for place, names in PLACES.items():
        if name in names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of libraries about each other, as they are imported
                found = globals()[name] = getattr(import_module(place), name)
            return found
    raise AttributeError(f"module 'core' has no attribute {name!r}: it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
