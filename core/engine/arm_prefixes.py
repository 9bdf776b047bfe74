"""The prefixes that the arms of a harvest share, computed once each and kept for the last few arms."""

from core.engine.plan import Arm, Plan
from core.engine.prefix import EMPTY, Prefix, compute_prefix, shared_beginning
from core.models.loading import LoadedModel

KEPT = 8


class ArmPrefixes:
    """The last arms' prefixes."""

    def __init__(self, plan: Plan, loaded: LoadedModel) -> None:
        self._plan, self._loaded = plan, loaded
        self._prefixes: dict[tuple[Arm, ...], tuple[tuple[int, ...], Prefix]] = {}

    def of(self, arms: tuple[Arm, ...], prompts: list[tuple[int, ...]]) -> Prefix:
        """What the arms' prompts all begin with, `EMPTY` where one of the prompts turns out not to."""
        if arms not in self._prefixes:
            if len(self._prefixes) >= KEPT:
                self._prefixes.pop(next(iter(self._prefixes)))
            ids = shared_beginning([self._plan.prefix_ids(arm) for arm in arms])
            self._prefixes[arms] = (ids, compute_prefix(self._loaded, ids))
        ids, prefix = self._prefixes[arms]
        shared = all(len(prompt) > len(ids) and prompt[: len(ids)] == ids for prompt in prompts)
        return prefix if shared else EMPTY
