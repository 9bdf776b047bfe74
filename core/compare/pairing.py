"""Which questions two runs share, and which of all their questions hang together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ID = ["source", "question"]


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two runs' questions put together.

    Attributes:
        one, other: questions that each run asked; shared: those that both did.
        clusters: of all answers' groups, by run (0, 1) and group. Groups of the two runs with a question in
            common are one cluster.
        count: of the clusters.
    """

    one: int
    other: int
    shared: int
    clusters: pd.Series
    count: int

    def of(self, run: int, groups: pd.Series) -> np.ndarray:
        """The clusters of some groups of the first (0) or the second (1) run, (groups,)."""
        return self.clusters.loc[run].reindex(groups).to_numpy(dtype=int)

    @property
    def kind(self) -> str:
        """`paired` where the runs asked the same questions, `partly paired`, or `unpaired`."""
        if not self.shared:
            return "unpaired"
        return "paired" if self.shared == self.one == self.other else "partly paired"

    def sentence(self) -> str:
        """What the intervals of differences rest on, in words."""
        if self.kind == "unpaired":
            return (
                f"Unpaired: of {self.one:,} and {self.other:,} questions none is asked in both runs, so that "
                "a difference may be that of the questions too."
            )
        if self.kind == "paired":
            return (
                f"Paired by groups of questions: both runs ask the same {self.shared:,} questions, and how "
                "hard these are cancels."
            )
        return (
            f"Partly paired by groups of questions: {self.shared:,} questions are asked in both runs, of "
            f"{self.one:,} and {self.other:,}; a difference may be that of the other questions too."
        )


def pair_questions(one: pd.DataFrame, other: pd.DataFrame) -> Pairing:
    """Put two runs' questions together.

    Args:
        one, other: their answers: source, question and group, which may be named otherwise in the other run.
    """
    asked = [frame[[*ID, "group"]].drop_duplicates(ID) for frame in (one, other)]
    groups = [list(dict.fromkeys(part["group"])) for part in asked]
    places = pd.Series(
        range(len(groups[0]) + len(groups[1])),
        pd.MultiIndex.from_tuples([(run, group) for run in (0, 1) for group in groups[run]]),
        dtype=int,
    )
    both = asked[0].merge(asked[1], on=ID)
    ends = tuple(places.loc[run].reindex(both[f"group_{'xy'[run]}"]).to_numpy(dtype=int) for run in (0, 1))
    links = coo_array((np.ones(len(both)), ends), shape=(len(places), len(places)))
    count, cluster = connected_components(links, directed=False)
    return Pairing(len(asked[0]), len(asked[1]), len(both), pd.Series(cluster, places.index), int(count))
