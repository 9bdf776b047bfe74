"""The prefixes that the arms of a harvest share, computed once each and kept for the last few arms."""

from core.engine.plan import Arm, Plan
from core.engine.prefix import EMPTY, Prefix, compute_prefix
from core.models.loading import LoadedModel

KEPT = 8


class ArmPrefixes:
    """The last arms' prefixes."""

    def __init__(self, plan: Plan, loaded: LoadedModel) -> None:
        self._plan, self._loaded = plan, loaded
        self._prefixes: dict[Arm, tuple[tuple[int, ...], Prefix]] = {}

    def of(self, arm: Arm, prompts: list[tuple[int, ...]]) -> Prefix:
        """The arm's prefix, `EMPTY` where one of the prompts turns out not to begin with it."""
        if arm not in self._prefixes:
            if len(self._prefixes) >= KEPT:
                self._prefixes.pop(next(iter(self._prefixes)))
            ids = self._plan.prefix_ids(arm)
            self._prefixes[arm] = (ids, compute_prefix(self._loaded, ids))
        ids, prefix = self._prefixes[arm]
        shared = all(len(prompt) > len(ids) and prompt[: len(ids)] == ids for prompt in prompts)
        return prefix if shared else EMPTY
