"""Changes the residual stream while a model reads and writes: adds a vector, projects one out, or patches.

Layers are those of `core.engine.capture`: layer 0 is the embedding output, layer k the output of block k - 1
(counted from 0). What is changed goes on into later blocks, into the cache of keys and values, and, where
states are captured inside the context, into the states that are read.

Source: Turner and others 2023, "Activation addition" (adding); Arditi and others 2024, "Refusal in language
models is mediated by a single direction" (projecting out); Meng and others 2022, "Locating and editing
factual associations in GPT" (patching).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, get_args

import torch

from core.errors import ModelError
from core.models.loading import LoadedModel

How = Literal["add", "project", "patch"]
Where = Literal["last", "prompt", "generated", "all"]
HOW: tuple[How, ...] = get_args(How)
WHERE: tuple[Where, ...] = get_args(Where)


@dataclass(frozen=True, eq=False)
class Edit:
    """What is done to the states of one layer.

    Attributes:
        how: `add` adds the vector, `project` takes out the part of the state along it (of whatever length
            it is; 0 takes out nothing), `patch` puts it in the state's place (NaN leaves a row as it is).
        layer: 0 to the number of blocks.
        vectors: (rows, d_model), one for each row of the batch, or (d_model,) for all of them.
    """

    how: How
    layer: int
    vectors: torch.Tensor

    def apply(self, states: torch.Tensor) -> torch.Tensor:
        """The changed states, as (rows, positions, d_model) as they came.

        Raises:
            ModelError: there is neither one vector nor one for each row.
        """
        vectors = self.vectors.to(states.device, torch.float32)
        vectors = vectors if vectors.dim() == 2 else vectors[None]
        if len(vectors) not in (1, len(states)):
            raise ModelError(
                f"{len(vectors)} vectors cannot steer a batch of {len(states)}: give one for each"
            )
        vectors = vectors[:, None]
        if self.how == "add":
            return states + vectors.to(states.dtype)
        if self.how == "patch":
            return torch.where(vectors.isnan(), states, vectors.to(states.dtype)).expand_as(states)
        unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        wide = states.float()
        return (wide - (wide * unit).sum(dim=-1, keepdim=True) * unit).to(states.dtype)


class Steering:
    """A context in which a model's forward passes are steered; its hooks are gone afterwards, come what may.

    The first forward pass after entering (or after `next_batch`) is taken for the prompts, padded on the
    left, and all later ones for generated tokens, fed back. A prefix whose keys and values were made outside
    is as it was: with `prompt` and `all`, prompts must go through whole. It holds the model's lock.

    Args:
        edits: done in this order where several are of one layer.
        where: `last` (the last prompt token), `prompt` (all of its tokens), `generated` or `all`. Steered
            padding does no harm: no token looks at it.

    Raises:
        ModelError: an unknown way or place, a layer or width that the model has not, or patching several
            positions, which would all get one state.
    """

    def __init__(self, loaded: LoadedModel, edits: Sequence[Edit], where: Where = "last") -> None:
        if where not in WHERE:
            raise ModelError(f"unknown positions {where!r}: choose {', '.join(WHERE)}")
        for edit in edits:
            if edit.how not in HOW:
                raise ModelError(f"unknown way to steer {edit.how!r}: choose {', '.join(HOW)}")
            if not 0 <= edit.layer < loaded.layers:
                raise ModelError(f"there is no layer {edit.layer}: choose 0 to {loaded.layers - 1}")
            if edit.vectors.shape[-1] != loaded.d_model:
                raise ModelError(
                    f"a direction of {edit.vectors.shape[-1]} dimensions does not fit {loaded.name}, whose "
                    f"states have {loaded.d_model}"
                )
            if edit.how == "patch" and where != "last":
                raise ModelError(f"patching replaces one state: choose positions last, not {where!r}")
        self._loaded, self._edits, self._where = loaded, list(edits), where
        self._handles: list[Any] = []
        self._passes = 0

    def __enter__(self) -> "Steering":
        self._loaded.lock.acquire()
        try:
            self._passes = 0
            blocks = self._loaded.blocks
            self._handles.append(blocks[0].register_forward_pre_hook(self._before, with_kwargs=True))
            for layer in sorted({edit.layer for edit in self._edits} - {0}):
                self._handles.append(blocks[layer - 1].register_forward_hook(self._after(layer)))
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def next_batch(self) -> None:
        """Take the next forward pass for prompts again."""
        self._passes = 0

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows of the batch only, (rows,) of numbers."""
        self._edits = [
            replace(edit, vectors=edit.vectors[rows.to(edit.vectors.device)])
            if edit.vectors.dim() == 2 and len(edit.vectors) > 1
            else edit
            for edit in self._edits
        ]

    def _leave(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._loaded.lock.release()

    def _before(self, _block: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        self._passes += 1
        if not any(edit.layer == 0 for edit in self._edits):
            return None
        if args:
            return (self._steer(0, args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": self._steer(0, kwargs["hidden_states"])}

    def _after(self, layer: int) -> Any:
        def hook(_block: Any, _args: tuple, output: Any) -> Any:
            if isinstance(output, tuple):
                return (self._steer(layer, output[0]), *output[1:])
            return self._steer(layer, output)

        return hook

    def _steer(self, layer: int, states: torch.Tensor) -> torch.Tensor:
        prompt = self._passes == 1
        if self._where != "all" and prompt == (self._where == "generated"):
            return states
        first = states.shape[1] - 1 if self._where == "last" else 0
        steered = states[:, first:]
        for edit in self._edits:
            if edit.layer == layer:
                steered = edit.apply(steered)
        return torch.cat([states[:, :first], steered], dim=1)
