"""A run as a folder of Parquet, CSV and safetensors, which any tool opens: answers, decisions, states."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from core.downloads import Progress, ignore_progress
from core.exchange.layer_names import layer_name
from core.exchange.run_parts import README, RECORD, RunParts, check_going_on, parts_of_run
from core.exchange.safetensors_file import write_tensors
from core.exchange.whole_folder import written_whole
from core.store.decisions import DecisionStore
from core.store.runs import RunStore

OF_TOKENS = "States of every generated token, which runs of open questions keep, are not in here.\n"
ANSWERS, DECISIONS = "answers.parquet", "decisions.csv"


@dataclass(frozen=True)
class Exported:
    """What was written: the run, how many answers, at which positions, of how many layers."""

    run: str
    folder: Path
    answers: int
    positions: tuple[str, ...]
    layers: int


def states_file(position: str) -> str:
    """The name of the file with a position's states."""
    return f"states-{position}.safetensors"


def export_folder(
    store: RunStore,
    run: str,
    target: Path,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Exported:
    """Write a run as a folder, whole or not at all; no more than a part of one layer is in memory.

    Raises:
        StoreError: no such run, one without answers or with damaged states, or a target that is there already
            or cannot be written.
        Cancelled: `cancelled` said so.
    """

    def layers_of(number: int, position: str) -> Iterator[np.ndarray]:
        for layer in range(parts.layers):
            done = number + layer / parts.layers
            progress(done / len(parts.positions), f"states at {position}, layer {layer}")
            for states in parts.states(position, layer):
                check_going_on(cancelled)
                yield states

    parts = parts_of_run(store, run)
    with written_whole(target) as folder:
        table = pyarrow.Table.from_pandas(parts.answers, schema=parts.schema(), preserve_index=False)
        parquet.write_table(table, folder / ANSWERS)
        decisions = DecisionStore(store.cache).export_csv(parts.run.run)
        (folder / DECISIONS).write_text(decisions, encoding="utf-8", newline="")
        parts.write_record(folder)
        (folder / README).write_text(_readme(parts), encoding="utf-8")
        for number, position in enumerate(parts.positions):
            write_tensors(
                folder / states_file(position),
                [layer_name(layer) for layer in range(parts.layers)],
                (len(parts.answers), parts.d_model),
                layers_of(number, position),
                {"run": parts.run.run, "position": position},
            )
    progress(1.0, "written")
    return Exported(parts.run.run, target, len(parts.answers), parts.positions, parts.layers)


def _readme(parts: RunParts) -> str:
    position, last = parts.positions[0], parts.layers - 1
    files = "\n".join(
        f"- `{states_file(name)}`: states at position `{name}`, one float32 tensor a layer, "
        f"({len(parts.answers)} answers × {parts.d_model})."
        for name in parts.positions
    )
    return f"""# Run {parts.run.run} of Telltale

Hidden states of a language model while it answered, and what its {len(parts.answers)} answers amount to.

- `{ANSWERS}`: an answer a row, with its question, what was said, what is true, what follows from both, and
  what people decided about it.
- `{DECISIONS}`: the decisions one by one; `telltale decisions import` reads it.
- `{RECORD}`: the settings and facts of the run, and the versions of what wrote this.
{files}

Row i of every tensor belongs to row i of `{ANSWERS}`; it is NaN where that answer has no state there.
Tensors have TransformerLens's names: `{layer_name(0)}` is layer 0, the embedding output, and
`{layer_name(last)}` is layer {last}, the residual stream after the last block, before any final norm.
{OF_TOKENS if "tokens" in parts.answers else ""}
```python
import pandas as pd
from safetensors import safe_open
answers = pd.read_parquet("{ANSWERS}")
with safe_open("{states_file(position)}", "numpy") as states:
    layer_{last} = states.get_tensor("{layer_name(last)}")
```
"""
