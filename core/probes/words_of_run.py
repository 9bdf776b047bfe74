"""What the controls on words know of a stored run besides its answers: input embeddings, and its source."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.derived import derived_path, keep_derived, load_derived
from core.engine.settings import HarvestSettings
from core.errors import DataError, ModelError, StoreError
from core.models.input_embeddings import mean_embeddings
from core.probes.rivals import Words
from core.probes.source_questions import source_questions
from core.probes.word_scores import Embed
from core.store.runs import Run

VERSION = 1


def words_of_run(cache: Path, run: Run) -> Words:
    """The embeddings of a run's model and the questions of its source, as far as they are at hand.

    Nothing is fetched, and no model is loaded. What is not at hand says why.
    """
    settings = HarvestSettings.from_dict(run.settings)
    content = run.facts["model_content"]
    no_embedding, no_source = "", ""
    try:
        mean_embeddings(settings.model, cache, content, [])
    except ModelError as error:
        no_embedding = str(error)
    try:
        source = tuple(source_questions(cache, settings.data))
    except (DataError, StoreError) as error:
        source, no_source = (), str(error)
    return Words(
        None if no_embedding else _embedder(cache, settings, content),
        None if no_source else source,
        no_embedding,
        no_source,
    )


def _embedder(cache: Path, settings: HarvestSettings, content: str) -> Embed:
    """Mean input embeddings, kept under the texts and the model that they are of."""

    def embed(texts: Sequence[str]) -> np.ndarray:
        different = list(dict.fromkeys(texts))
        path = derived_path(cache, "embeddings", [VERSION, content, different])
        found = load_derived(path)
        if found is None:
            found = mean_embeddings(settings.model, cache, content, different)
            keep_derived(found, path)
        place = {text: row for row, text in enumerate(different)}
        return found[[place[text] for text in texts]]

    return embed
