"""What is to go to the hub, asked for in one way: packed as a folder, or only its card to be read before."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.downloads import Progress, ignore_progress
from core.exchange.brought_states import OF_A_DATASET
from core.exchange.hub_cards import probe_card
from core.exchange.hub_packages import (
    ADAPTER,
    PROBE,
    TRAINING,
    Package,
    card_of_run,
    liar_card,
    package_liar,
    package_probe,
    package_run,
    text_of_liar,
)
from core.exchange.run_dataset import states_column, without_dropped
from core.exchange.run_parts import README, RECORD, check_wanted, parts_of_run
from core.labels_of_run import labelled
from core.liar.card import FIGURES
from core.liar.settings import LIARS
from core.probes.saved import SavedProbes
from core.store.runs import RunStore

What = Literal["probe", "liar", "run"]
CONTENTS: dict[What, tuple[str, ...]] = {
    "probe": (README, PROBE),
    "liar": (README, FIGURES, TRAINING, *ADAPTER),
    "run": (README, RECORD, OF_A_DATASET, "state.json", "data-00000-of-00001.arrow"),
}
"""The files of each package."""


@dataclass(frozen=True)
class Wanted:
    """What is to be packed.

    Attributes:
        name: of the probe or run, or the liar's folder.
        positions, layers: of a run's states; None for all layers.
    """

    what: What
    name: str
    positions: tuple[str, ...] = ("prompt",)
    layers: tuple[int, ...] | None = None


def package(
    store: RunStore,
    wanted: Wanted,
    target: Path,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Package:
    """Write what is wanted as a folder, with its card.

    Raises:
        ProbeError, DataError, StoreError: see `package_probe`, `package_liar` and `package_run`.
        Cancelled: `cancelled` said so.
    """
    if wanted.what == "probe":
        return package_probe(store.cache, wanted.name, target)
    if wanted.what == "liar":
        return package_liar(Path(wanted.name).expanduser(), target)
    return package_run(
        store, wanted.name, target, wanted.positions, wanted.layers, progress=progress, cancelled=cancelled
    )


def card_of(store: RunStore, wanted: Wanted) -> str:
    """The card that goes with what is wanted, to be read before anything is written.

    Raises:
        ProbeError, DataError, StoreError: as `package` would.
    """
    if wanted.what == "probe":
        return probe_card(SavedProbes(store.cache).load(wanted.name).all_facts, wanted.name.strip(), PROBE)
    if wanted.what == "liar":
        return liar_card(text_of_liar(Path(wanted.name).expanduser(), README))
    parts = without_dropped(parts_of_run(store, wanted.name))
    check_wanted(parts, wanted.positions, wanted.layers or ())
    first = states_column(wanted.positions[0], 0 if wanted.layers is None else wanted.layers[0])
    return card_of_run(parts.run, labelled(store, parts.run.run), len(parts.answers), first)


def liars_in(cache: Path) -> list[Path]:
    """The folders of liars that were trained in a cache, whose exam is done."""
    examined = (path.parent for path in (cache / LIARS).glob(f"*/{FIGURES}"))
    return sorted(folder for folder in examined if (folder / TRAINING).is_file())
