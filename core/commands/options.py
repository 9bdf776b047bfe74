"""What several commands share: the model, template and questions that the options ask for."""

import json
from argparse import Namespace
from pathlib import Path

from core.data.hub import PRESETS
from core.data.sources import BUILT_IN, HUB, DataSettings
from core.data.tables import is_table_name, read_table
from core.data.uploads import ColumnMapping, guess_mapping
from core.errors import DataError, TemplateError
from core.files import read_text_file
from core.models.catalog import LIAR_ID, ModelSettings
from core.models.embedded import EMBEDDED_ID
from core.prompts.templates import Template
from core.shown import LONGEST_PATH, named
from core.store.saved import SavedStore

Result = tuple[dict, str]
LARGEST_TEMPLATE = 1 << 20
"""Bytes of a template's file."""


def model_settings(options: Namespace) -> ModelSettings:
    """The model that was asked for; local paths made absolute, so that they hold from anywhere."""
    # An adapter of one's own goes on the plain model.
    default = EMBEDDED_ID if options.adapter else LIAR_ID
    chosen = default if options.model is None else absolute(options.model)
    adapter = None if options.adapter is None else absolute(options.adapter)
    return ModelSettings(chosen, adapter, options.four_bit)


def absolute(name: str) -> str:
    """The whole path of a file or folder that is there; anything else as it is."""
    try:
        path = Path(name).expanduser()
        return str(path.resolve()) if name.strip() and path.exists() else name
    except (OSError, RuntimeError):  # too long for a name of a file, or the home of nobody
        return name


def chosen_template(cache: Path, name: str | Template) -> Template:
    """A template by its name, or out of a JSON file with name, body and choices; one that is made as it is.

    Raises:
        TemplateError: there is none, or it cannot be used.
    """
    if isinstance(name, Template):
        return name
    if not name.endswith(".json"):
        return SavedStore(cache).template(name)
    called = f"template {named(name, LONGEST_PATH)}"
    try:
        values = json.loads(read_text_file(name, LARGEST_TEMPLATE, TemplateError))
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"{called} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise TemplateError(f"{called} is not an object with name, body and choices")
    return Template.from_dict({"name": Path(name).stem} | values)


def data_settings(options: Namespace) -> DataSettings:
    """The questions that were asked for, in direct form."""
    mapping = None
    if options.data in BUILT_IN and (options.text_column or options.label_column):
        raise DataError(f"{options.data} is built in: columns are chosen of files and hub sets")
    if options.text_column or options.label_column:
        guess = guess_mapping(read_table(options.data), options.data) if is_table_name(options.data) else None
        text, label = (
            options.text_column or (guess and guess.text),
            options.label_column or (guess and guess.label),
        )
        if not text or not label:
            raise DataError("give both --text-column and --label-column")
        mapping = ColumnMapping(text, label)
    data = options.data
    if data in PRESETS:
        data = HUB + data
    if options.split and not data.startswith(HUB):
        raise DataError(f"{data} has no splits: only hub sets have")
    name = absolute(data) if is_table_name(data) else data
    return DataSettings(
        name, options.n, options.seed, "direct", mapping, options.split, left_out=options.left_out
    )
