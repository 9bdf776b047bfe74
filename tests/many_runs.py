"""Many small runs at once, without states and folders: for pages that list them."""

import json

from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore

FACTS = {"model": "made", "model_content": "one", "adapter": None, "open": False, "layers": 3, "d_model": 4}


def store_many(store: RunStore, count: int) -> list[str]:
    """Complete runs of no answers; gives their ids, the newest last."""
    settings = HarvestSettings(DataSettings("movie-reviews", 1), BUILT_IN["review"]).to_dict()
    facts = FACTS | {"choices": ["Negative", "Positive"]}
    names = [f"{number:04d}-run" for number in range(count)]
    with store.database.connect() as connection:
        connection.executemany(
            "INSERT INTO runs (run, settings, facts, planned, complete, started) VALUES (?, ?, ?, 2, 1, ?)",
            [
                (
                    name,
                    json.dumps(settings),
                    json.dumps(facts),
                    f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}",
                )
                for number, name in enumerate(names)
            ],
        )
    return names
