"""Which answers train and are judged in each cell of a crossed grid; refused where a cell is missing."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from core.errors import ProbeError
from core.probes.cross_validated import FOLDS
from core.probes.methods import CONTRAST_METHODS, METHODS
from core.probes.needs import check_needs
from core.probes.rows import ProbeSettings, dropped_from_training, of_mode, one_of_each
from core.probes.splits import fold_of_groups

DEFAULT_METHODS = ("logistic", "difference-of-means")
MOST_NAMED = 8
"""Missing cells that a refusal names."""


@dataclass(frozen=True)
class CrossedSettings:
    """What the probes of a grid are trained and judged on.

    Attributes:
        methods: of `core.probes.methods.METHODS`, at least one.
        train, test: a mode, or `both`.
        layer_step: judges every so-many-th layer, from this one on. Layer 0 is left out: at `prompt` it is
            one token's embedding whatever the question, and would make the layer matter by itself.
    """

    methods: tuple[str, ...] = DEFAULT_METHODS
    target: str = "truth"
    position: str = "prompt"
    train: str = "honest"
    test: str = "lie"
    seed: int = 0
    layer_step: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        if not self.methods:
            raise ProbeError("a grid needs at least one method")
        for method in self.methods:
            self.probe(method)  # refuses what makes no sense
            if method in CONTRAST_METHODS:
                raise ProbeError(
                    f"method {method!r} reads contrast pairs, and the cells of a grid are judged on one "
                    f"state of each answer: choose {', '.join(METHODS)}"
                )
        if self.layer_step < 1:
            raise ProbeError(f"a layer step of {self.layer_step}: choose 1 or more")

    def probe(self, method: str) -> ProbeSettings:
        """The settings of one method's probes."""
        return ProbeSettings(
            method, self.target, self.position, self.train, self.test, self.seed, permutations=0
        )

    def layers(self, n_layers: int) -> tuple[int, ...]:
        """The layers to judge.

        Raises:
            ProbeError: the step leaves none.
        """
        if self.layer_step >= n_layers:
            raise ProbeError(f"a layer step of {self.layer_step} leaves none of layers 1 to {n_layers - 1}")
        return tuple(range(self.layer_step, n_layers, self.layer_step))


@dataclass(frozen=True, eq=False)
class Fold:
    """Row numbers of the answers that train, and of those that are judged."""

    train: np.ndarray
    test: np.ndarray


def folds_of_cells(frame: pd.DataFrame, settings: CrossedSettings) -> dict[tuple[str, int], list[Fold]]:
    """The folds of each source × wording, the same for every method and layer.

    A source's groups have one fold each, whatever the wording.

    Args:
        frame: labelled answers with `target`; row i is row i of the states.

    Raises:
        ProbeError: some cells cannot be had; names them.
    """
    sources, wordings = dict.fromkeys(frame["source"]), sorted(set(frame["wording"]))
    found, missing = {}, []
    for source, wording in product(sources, wordings):
        cell = f"{source}, wording {wording}"
        try:
            folds = _folds(frame[frame["source"] == source], wording, settings)
        except ProbeError as error:
            missing.append(f"{cell}, every method ({error})")
            continue
        found[source, wording] = folds
        for method in settings.methods:
            try:
                for fold in folds:
                    check_needs(frame, fold.train, method)
            except ProbeError as error:
                missing.append(f"{cell}, {method} ({error})")
    if missing:
        more = f"; and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise ProbeError(
            "a crossed grid needs every wording of every source by every method, and some cells are missing "
            f"at all layers: {'; '.join(missing[:MOST_NAMED])}{more}. Harvest them, or leave out the runs or "
            "methods that ask for them"
        )
    return found


def _folds(of_source: pd.DataFrame, wording: int, settings: CrossedSettings) -> list[Fold]:
    asked = of_source["wording"] == wording
    if not asked.any():
        raise ProbeError("no answers")
    places = fold_of_groups(of_source["group"].tolist(), of_source["label"].tolist(), FOLDS, settings.seed)
    fold = of_source["group"].map(places)
    may_train, as_drawn = one_of_each(of_source)
    usable = asked & ~of_source["dropped"].astype(bool) & of_source["target"].notna()
    clean = usable & ~dropped_from_training(of_source)
    trains = clean & may_train & of_mode(of_source, settings.train)
    judges = usable & as_drawn & of_mode(of_source, settings.test)
    rows = of_source.index.to_numpy()
    folds = [
        Fold(rows[trains & (fold != number)], rows[judges & (fold == number)]) for number in range(FOLDS)
    ]
    for part in folds:
        _check(of_source, part.train, f"answers in mode {settings.train} to train on in a fold", settings)
    judged = np.concatenate([part.test for part in folds])
    _check(of_source, judged, f"answers in mode {settings.test} to judge on", settings)
    return folds


def _check(of_source: pd.DataFrame, rows: np.ndarray, what: str, settings: CrossedSettings) -> None:
    if not len(rows):
        raise ProbeError(f"no {what}")
    if of_source.loc[rows, "target"].nunique() < 2:
        raise ProbeError(f"{len(rows)} {what}, of one class of target {settings.target!r}")
