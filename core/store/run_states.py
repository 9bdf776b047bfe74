"""Where the runs of a cache folder keep their states: enough for whoever writes states and commits nothing.

No database is opened here: machines that only compute stay away from it.
"""

from pathlib import Path

from core.store.places import states_place
from core.store.record import run_folder
from core.store.states import StateArrays
from core.store.token_states import TokenStates


class RunStates:
    """The states of all runs in a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    def states(self, run: str) -> StateArrays:
        """The state arrays of a run."""
        return StateArrays(states_place(run_folder(self.cache, run)) / "states")

    def token_states(self, run: str) -> TokenStates:
        """The states of every generated token of a run of open questions."""
        return TokenStates(states_place(run_folder(self.cache, run)) / "tokens")
