"""Telltale from Python: the words of the command line as functions, from a model to an AUROC by layer.

    import core

    core.fetch()  # the model in the box and its reviews, once
    run = core.harvest("smollm2-135m-liar", "movie-reviews", n=100)  # asks, and keeps the states
    core.answers_of(run)  # a data frame: what was said, and what is true
    probe = core.probe(run, target="truth", train="honest", test="lie")
    probe.to_frame()  # AUROC by layer, with its 95 % interval
    core.figure(probe)  # the same as a Plotly figure, beside what it must beat
    core.figure(core.read_or_said(run))

Each is imported when it is first asked for: `import core` itself takes no torch.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.notebook.asking import fetch, harvest, import_states, questions, tokens
    from core.notebook.drawing import figure
    from core.notebook.experiments import compare_runs, lie_score, shifts, steer, write_report
    from core.notebook.judging import controls, cross_validate, probe, read_or_said, score, transfer
    from core.notebook.stored import answers_of, run, runs
    from core.prompts.templates import Template

PLACES = {
    "core.notebook.asking": ("fetch", "harvest", "import_states", "questions", "tokens"),
    "core.notebook.drawing": ("figure",),
    "core.notebook.experiments": ("compare_runs", "lie_score", "shifts", "steer", "write_report"),
    "core.notebook.judging": ("controls", "cross_validate", "probe", "read_or_said", "score", "transfer"),
    "core.notebook.stored": ("answers_of", "run", "runs"),
    "core.prompts.templates": ("Template",),
}
"""Where each public name comes from."""

__all__ = [
    "Template",
    "answers_of",
    "compare_runs",
    "controls",
    "cross_validate",
    "fetch",
    "figure",
    "harvest",
    "import_states",
    "lie_score",
    "probe",
    "questions",
    "read_or_said",
    "run",
    "runs",
    "score",
    "shifts",
    "steer",
    "tokens",
    "transfer",
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
