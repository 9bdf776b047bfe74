"""`telltale read-or-said`."""

from argparse import Namespace
from pathlib import Path

from core.commands.engine import engine
from core.commands.options import Result
from core.csv_text import to_csv
from core.probes.read_or_said_of_run import last_common_layer, read_or_said_of_run
from core.progress import shown_in_percent
from core.store.runs import RunStore

COLUMNS = (
    ("β_read", "beta_read"),
    ("β_said", "beta_said"),
    ("truth, honest", "truth_honest"),
    ("truth, lie", "truth_lie"),
    ("truth, both", "truth_both"),
    ("said, both", "said_both"),
    ("lens truth", "truth_lens"),
    ("lens said", "said_lens"),
)


def read_or_said(cache: Path, options: Namespace) -> Result:
    """What the honest-trained direction follows, layer by layer."""
    store = RunStore(cache)
    run = store.run(options.run)
    with engine(options), shown_in_percent() as show:
        found = read_or_said_of_run(
            store, run.run, options.position, resamples=options.resamples, seed=options.seed, progress=show
        )
    common = last_common_layer(run)
    sentence = found.sentence(common)
    frame = found.to_frame()
    if options.csv:
        to_csv(frame, options.csv)
    lines = [
        f"position {options.position}; n {found.n['honest']:,} honest, {found.n['lie']:,} lie, of "
        f"{found.groups:,} groups; {found.resamples} resamples",
        "layer  " + "  ".join(f"{title:>{_width(key)}}" for title, key in COLUMNS),
    ]
    for row in frame.to_dict("records"):
        note = "  as the plain model" if common is not None and row["layer"] <= common else ""
        lines.append(f"{row['layer']:>5}  " + "  ".join(_cell(row, key) for _, key in COLUMNS) + note)
    about = {"run": run.run, "position": options.position, "last_common_layer": common, "sentence": sentence}
    return about | found.to_json(), "\n".join([*lines, sentence])


def _width(key: str) -> int:
    return 22 if key.startswith("beta") else 13


def _cell(row: dict, key: str) -> str:
    if row[key] != row[key]:
        shown = "–"
    elif key.startswith("beta"):
        shown = f"{row[key]:+.2f} ({row[f'{key}_low']:+.2f} to {row[f'{key}_high']:+.2f})"
    else:
        shown = f"{row[key]:.2f}"
    return f"{shown:>{_width(key)}}"
