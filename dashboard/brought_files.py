"""Where what is imported comes from: files that are uploaded, or a path on the app's own machine."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.data.tables import SUFFIXES, keep_upload
from core.errors import TelltaleError
from core.exchange.conversations import TRANSCRIPTS
from core.exchange.inspect_log import SUFFIXES as INSPECT_LOGS
from core.exchange.kept_upload import keep_brought
from core.exchange.transcripts import holds_answers
from dashboard import in_address, session
from dashboard.served_here import served_here

UPLOAD, PATH = "upload", "path"
SAID = {UPLOAD: "Files from your machine", PATH: "A path on the machine that Telltale runs on"}
STATES_KEPT, LABELS_KEPT, ROUND = "brought states", "brought labels", "round of uploads"
KINDS = (".npz", ".safetensors", ".npy", ".arrow", TRANSCRIPTS, *INSPECT_LOGS)


@dataclass(frozen=True)
class Files:
    """What is to be imported, and the table of its labels where there is one."""

    brought: Path
    labels: Path | None

    @property
    def answers(self) -> bool:
        """Whether it holds answers for a model to read, and not states."""
        return holds_answers(self.brought)


def choose() -> Files | None:
    """The files; None while nothing is chosen, or where what is chosen cannot be kept."""
    source = UPLOAD
    if served_here():
        source = in_address.segmented_control(
            st,
            "Where it lies",
            (UPLOAD, PATH),
            "from",
            key="import from",
            default=UPLOAD,
            format_func=SAID.__getitem__,
        )
    return _path() if source == PATH else _uploaded()


def forget() -> None:
    """Begin with empty boxes again: what was brought is in the store."""
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    for name in (STATES_KEPT, LABELS_KEPT):
        st.session_state.pop(name, None)


def _path() -> Files | None:
    left, right = st.columns(2)
    brought = left.text_input(
        "States, Inspect log or transcripts",
        key=f"import path {st.session_state.get(ROUND, 0)}",
        placeholder="/path/to/states.npz, a folder, log.eval or transcripts.jsonl",
        persist_state="session",
    ).strip()
    labels = right.text_input(
        "Table of labels",
        key=f"labels path {st.session_state.get(ROUND, 0)}",
        placeholder="/path/to/labels.csv; a dataset folder and answers have their own",
        persist_state="session",
    ).strip()
    return Files(Path(brought), Path(labels) if labels else None) if brought else None


def _uploaded() -> Files | None:
    left, right = st.columns(2)
    with left:
        brought = _kept(
            "States, an Inspect log or transcripts",
            [suffix.removeprefix(".") for suffix in KINDS],
            STATES_KEPT,
            "One .npz, .safetensors, .eval, .json or .jsonl file; the .npy files of all layers; or all files "
            "of a Hugging Face dataset's folder. At most 200 MB each: larger ones by path, or with "
            "`telltale import`.",
        )
    with right:
        labels = _kept(
            "Table of labels",
            [suffix.removeprefix(".") for suffix in SUFFIXES],
            LABELS_KEPT,
            "CSV, JSON lines or Parquet, its rows in the order of the states. A dataset folder, logs and "
            "transcripts have their labels in them.",
        )
    return None if brought is None else Files(brought, labels)


def _kept(label: str, kinds: list[str], key: str, help: str) -> Path | None:
    """What was uploaded into a box, kept as a file; it stays so when another page is opened."""
    uploaded = st.file_uploader(
        label,
        kinds,
        accept_multiple_files=key == STATES_KEPT,
        key=f"{key} {st.session_state.get(ROUND, 0)}",
        on_change=lambda: st.session_state.pop(key, None),
        help=help,
    )
    files = uploaded if isinstance(uploaded, list) else [uploaded] if uploaded else []
    if files and key not in st.session_state:
        contents = [(file.name, file.getvalue()) for file in files]
        try:
            keep = keep_brought if key == STATES_KEPT else _keep_table
            st.session_state[key] = keep(session.cache(), contents), ", ".join(file.name for file in files)
        except TelltaleError as refused:
            st.error(session.as_text(refused))
            return None
    if key not in st.session_state:
        return None
    path, name = st.session_state[key]
    if not files:  # the uploader forgets its files when another page is opened
        st.caption(f"Still in use: {session.as_text(name)}")
    return path


def _keep_table(cache: Path, files: list[tuple[str, bytes]]) -> Path:
    ((name, content),) = files
    return keep_upload(cache, name, content)
