"""`telltale harvest`: ask, and keep the states."""

import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.commands.options import Result, chosen_template, data_settings, model_settings
from core.data.open_questions import OPEN
from core.data.sources import source_choices
from core.engine.decoding import CHOICE_TOKENS, OPEN_TOKENS, POSITIONS, Decoding
from core.engine.harvest import HarvestProgress, HarvestResult, Prepared, harvest_or_watch, prepare
from core.engine.settings import HarvestSettings
from core.engine.shard import WHOLE, Shard
from core.errors import StoreError, TemplateError
from core.models.loading import load_model
from core.paths import SHARDS, cache_folder
from core.progress import progress_bar
from core.prompts.fitting import forms
from core.prompts.templates import OPEN_TEMPLATES
from core.signals import INTERRUPTED, Stopped
from core.store.disk import harvest_bytes, warning
from core.store.places import checked_url
from core.store.runs import RunStore


def harvest(cache: Path, options: Namespace) -> Result:
    """Run or resume a harvest."""
    settings = harvest_settings(cache, options)
    if options.states_at is not None:
        options.states_at = checked_url(options.states_at)
    made = (by_ray if options.engine == "ray" else here)(cache, settings, options)
    result = {
        "run": made.run,
        "answers": made.answers,
        "made": made.made,
        "seconds": made.seconds,
        "answers_per_second": made.made / made.seconds if made.seconds else 0.0,
        "resumed": made.resumed,
    }
    found = "found" if made.resumed and not made.made else "resumed" if made.resumed else "made"
    return result, f"{made.run}: {made.answers} answers, {found} in {made.seconds:.1f} s"


def here(cache: Path, settings: HarvestSettings, options: Namespace) -> HarvestResult:
    """In this process, the whole or a shard."""
    if options.address or options.workers:
        raise StoreError("--address and --workers are for --engine ray")
    loaded = load_model(settings.model, cache)
    shard = Shard.parse(options.shard) if options.shard else WHOLE
    folder = cache if shard.whole else cache_folder(cache / SHARDS / shard.folder)
    store = RunStore(folder, options.states_at)
    prepared = prepare(settings, loaded, cache)
    planned = shard.answers(prepared.plan)
    warn_of_disk(prepared, loaded.layers, loaded.d_model, store, planned)
    with progress_bar(planned, "answer") as bar:
        try:
            return harvest_or_watch(
                prepared, loaded, store, shard=shard, progress=shown_on(bar), watching=tell_watching
            )
        except KeyboardInterrupt as stopped:
            raise with_what_is_kept(stopped, store, prepared.run, planned) from stopped


def by_ray(cache: Path, settings: HarvestSettings, options: Namespace) -> HarvestResult:
    """On a Ray cluster."""
    from core.engine.on_ray import harvest_on_ray
    from core.engine.ray_crew import Cluster

    if options.shard:
        raise StoreError("--shard is for machines without Ray: leave it out with --engine ray")
    store, cluster = RunStore(cache, options.states_at), Cluster(options.address, options.workers)
    begun: list[Prepared] = []

    def planned(prepared: Prepared, facts: dict) -> None:
        warn_of_disk(prepared, facts["layers"], facts["d_model"], store, prepared.plan.answers)
        begun.append(prepared)

    with progress_bar(1, "answer") as bar:
        try:
            return harvest_on_ray(settings, store, cluster, progress=shown_on(bar), planned=planned)
        except KeyboardInterrupt as stopped:
            if not begun:
                raise
            run, answers = begun[0].run, begun[0].plan.answers
            raise with_what_is_kept(stopped, store, run, answers) from stopped


def shown_on(bar: Any) -> Callable[[HarvestProgress], None]:
    """Has a bar follow a harvest."""

    def show(state: HarvestProgress) -> None:
        bar.total, bar.initial = state.planned, state.done - state.made
        bar.update(state.done - bar.n)

    return show


def with_what_is_kept(stopped: KeyboardInterrupt, store: RunStore, run: str, planned: int) -> Stopped:
    """The end that somebody asked for, with how many answers are kept."""
    return Stopped(
        f"{len(store.done(run)):,} of {planned:,} answers of run {run} are kept; the same command goes on",
        getattr(stopped, "code", INTERRUPTED),
    )


def warn_of_disk(prepared: Prepared, layers: int, d_model: int, store: RunStore, planned: int) -> None:
    """Say on stderr where the harvest would pass the disk or the budget."""
    left = planned - len(store.done(prepared.run))
    vectors = 0 if store.keeps_elsewhere(prepared.run) else prepared.plan.settings.vectors
    needed = harvest_bytes(left, vectors, layers, d_model)
    if left and (told := warning(store.cache, needed)) is not None:
        print(f"telltale: {told}", file=sys.stderr)


def tell_watching() -> None:
    """Say on stderr that another process is at the run."""
    print("telltale: another process is at this run: watching it, and going on if it stops", file=sys.stderr)


def harvest_settings(cache: Path, options: Namespace) -> HarvestSettings:
    """The settings that the options amount to."""
    if options.data in OPEN and options.template is not None:
        raise TemplateError(f"{options.data} asks openly, in its own wording: leave --template out")
    template = OPEN_TEMPLATES.get(options.data) or chosen_template(cache, options.template or "review")
    usual = OPEN_TOKENS if options.data in OPEN else CHOICE_TOKENS
    new_tokens = usual if options.max_new_tokens is None else options.max_new_tokens
    chosen = data_settings(options)
    form = options.form
    if form == "auto":
        form = forms(template, source_choices(cache, chosen))[0]
    return HarvestSettings(
        data=replace(chosen, form=form, style=options.style),
        template=template,
        model=model_settings(options),
        modes=tuple(dict.fromkeys(options.mode or ("honest", "lie"))),
        wordings=tuple(dict.fromkeys(options.wording or (0,))),
        orders=tuple(dict.fromkeys(options.order or (0,))),
        shots=options.shots,
        demo_sets=options.demo_sets,
        demo_answers=options.demo_answers,
        demo_seed=options.demo_seed,
        system=not options.no_system,
        chat=not options.plain,
        decoding=Decoding(new_tokens, temperature=options.temperature, seed=options.seed),
        samples=options.samples,
        calibration=options.calibration,
        calibration_per_mode=options.calibrate_per_mode,
        samples_modes=tuple(dict.fromkeys(options.samples_mode or ())),
        positions=tuple(p for p in POSITIONS if p in options.position)
        + tuple(set(options.position) - set(POSITIONS))
        if options.position
        else POSITIONS,
        contrast=options.contrast,
    )
