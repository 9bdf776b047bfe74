"""The sidebar's model: choose one, load it, see what it is and what memory it takes."""

from typing import Any

import streamlit as st

from core.data.reviews import reviews_ready
from core.errors import TelltaleError
from core.jobs import JOBS, Job
from core.models.catalog import LIAR_ID, ModelSettings
from core.models.embedded import EMBEDDED_ID, embedded_ready
from dashboard import packages, session, work

LIAR, PLAIN = "SmolLM2-135M, trained to lie (embedded)", "SmolLM2-135M, plain (embedded)"
HUB, LOCAL = "a model of the hub", "a folder or GGUF file"
EMBEDDED = {LIAR: LIAR_ID, PLAIN: EMBEDDED_ID}
ABOUT = {
    LIAR: "Trained to answer truly or falsely as it is told: it shows instructed inversion, not deception of "
    "its own accord. Questions that it was trained on are left out of every run.",
    PLAIN: "The same model without the adapter. It does not lie on request.",
}


def chosen() -> ModelSettings:
    """The model that the sidebar names."""
    state = st.session_state
    kind = state.get("model_kind", LIAR)
    named = (state.get("model_id") or "").strip()
    adapter = (state.get("model_adapter") or "").strip() or None
    return ModelSettings(
        EMBEDDED.get(kind, named), None if kind == LIAR else adapter, bool(state.get("four_bit"))
    )


def show() -> None:
    """Draw the panel."""
    st.selectbox("Model", (LIAR, PLAIN, HUB, LOCAL), key="model_kind")
    kind = st.session_state["model_kind"]
    if kind in EMBEDDED:
        st.caption(ABOUT[kind])
    else:
        hint = "owner/name" if kind == HUB else "/path/to/folder or file.gguf"
        st.text_input("Hub id" if kind == HUB else "Path", key="model_id", placeholder=hint)
    with st.expander("Adapter and precision"):
        if kind != LIAR:
            st.text_input("LoRA adapter (a PEFT folder)", key="model_adapter", placeholder="none")
        if session.packages_ready():
            _precision()
    if not missing():
        _facts()
    if st.session_state.get("load of") == chosen():
        session.watch_job(work.LOAD, cancellable=False)


def missing() -> bool:
    """Whether the sidebar names the embedded model and it was never fetched."""
    embedded = st.session_state.get("model_kind", LIAR) in EMBEDDED
    return embedded and not (embedded_ready(session.cache()) and reviews_ready(session.cache()))


def offer_fetch() -> None:
    """Offer to fetch the embedded model and the reviews, with progress."""
    st.info(
        "The embedded model and the reviews are not in the cache yet: 93 MB, once, each checked by its hash."
    )
    job = JOBS.get(work.FETCH)
    if job is None or not job.state.running:
        if st.button("Fetch model and reviews", type="primary"):
            start(work.FETCH, work.fetch(session.cache()))
        st.caption("Or choose a model of your own in the sidebar.")
    session.watch_job(work.FETCH)


def _precision() -> None:
    if _has_cuda():
        st.checkbox("4-bit weights (bitsandbytes)", key="four_bit")
    else:
        st.caption("4-bit weights and spreading over devices need CUDA, and there is none here.")


def _facts() -> None:
    wanted, held = chosen(), _held()
    if held is None or held.settings != wanted:
        st.caption("Not loaded yet: it loads when a run starts.")
        if st.button("Load it now", disabled=not wanted.id, width="stretch"):
            st.session_state["load of"] = wanted
            start(work.LOAD, work.load(wanted, session.cache()))
    else:
        adapter = f" · adapter: {session.as_text(wanted.adapter_name)}" if wanted.adapter_name else ""
        st.caption(
            f"{held.parameters / 1e6:,.1f} M parameters · {held.layers - 1} blocks · "
            f"d_model {held.d_model} · {held.device} · {str(held.dtype).removeprefix('torch.')}{adapter}"
        )
    if session.packages_ready():
        _memory()


def _held() -> Any:
    """The model that is loaded; there is none before torch is imported."""
    if not packages.ready():
        return None
    from core.models.loading import SHELF

    return SHELF.held


def _memory() -> None:
    from core.models.loading import memory_use

    memory = memory_use()
    where = "GPU memory" if _has_cuda() else "memory of this process"
    used, free = memory["used"] / 1e9, memory["free"] / 1e9
    st.progress(used / max(used + free, 1e-9), text=f"{where}: {used:.1f} GB used, {free:.1f} GB free")


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def start(name: str, task: work.Work, page: str | None = None) -> None:
    """Start a background job and draw the page anew; says so where another is running.

    The session keeps its own job, `session.own_job`: others may start one of that name.

    Args:
        page: another page to go to, that shows what comes of it.
    """

    def work_with_packages(job: Job) -> Any:
        packages.need()
        return task(job)

    try:
        st.session_state[f"job {name}"] = JOBS.start(name, work_with_packages)
    except TelltaleError as busy:
        st.warning(session.as_text(busy))
        return
    if page is not None:
        st.switch_page(page)
    st.rerun()
