"""`telltale elicit`: a search from the options of the command line, found where it was made before."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from core.commands.options import Result, chosen_template, data_settings, model_settings
from core.data.sources import DataSettings, source_choices
from core.elicit.defaults import default_templates
from core.elicit.outcome import stored_outcome
from core.elicit.report import lines, to_json
from core.elicit.search import ElicitProgress, prepare
from core.elicit.search import elicit as search
from core.elicit.settings import ORDERS, WORDINGS, ElicitSettings
from core.elicit.store import ElicitStore
from core.engine.decoding import Decoding
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.progress import progress_bar
from core.prompts.templates import Template


def elicit(cache: Path, options: Namespace) -> Result:
    """Search the grid for what gets truths and lies out of a model."""
    templates = tuple(chosen_template(cache, name) for name in dict.fromkeys(options.template or ()))
    data = replace(data_settings(options), n=None)
    return run_search(cache, elicit_settings(cache, options, data, model_settings(options), templates))


def elicit_settings(
    cache: Path, options: Namespace, data: DataSettings, model: ModelSettings, templates: tuple[Template, ...]
) -> ElicitSettings:
    """The search that the options ask for.

    Args:
        templates: those that were named; the usual ones of the source where none were.
    """
    roles = ((True,) if options.system else ()) + ((False,) if options.no_system else ())
    return ElicitSettings(
        data=data,
        templates=templates or default_templates(source_choices(cache, data)),
        wordings=tuple(dict.fromkeys(options.wording or WORDINGS)),
        model=model,
        shots=tuple(dict.fromkeys(options.shots)),
        system=roles or (True, False),
        orders=tuple(dict.fromkeys(options.order or ORDERS)),
        n=options.n,
        start=options.start,
        form=options.form,
        demo_sets=options.demo_sets,
        demo_answers=options.demo_answers,
        demo_seed=options.demo_seed,
        chat=not options.plain,
        decoding=Decoding(options.max_new_tokens, temperature=options.temperature, seed=options.seed),
    )


def run_search(cache: Path, settings: ElicitSettings) -> tuple[dict, str]:
    """The object for --json and the text for people."""
    loaded = load_model(settings.model, cache)
    prepared = prepare(settings, loaded, cache)
    store = ElicitStore(cache)
    before = store.made(prepared.elicitation)
    with progress_bar(1, "answer") as bar:

        def show(state: ElicitProgress) -> None:
            bar.total = state.planned
            bar.set_description(f"rung {state.rung + 1} of {state.rungs}, {state.cells} cells")
            bar.update(state.done - bar.n)

        search(prepared, loaded, store, progress=show)
    record = store.elicitation(prepared.elicitation)
    outcome = stored_outcome(record, store.answers(record.elicitation))
    made = store.made(record.elicitation) - before
    return to_json(record, outcome) | {"made": made}, "\n".join(lines(record, outcome))
