"""What goes to the Hugging Face hub, or is written as it would go there: looked at, then sent."""

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from core.errors import TelltaleError
from core.exchange.hub_push import is_offline
from core.exchange.hub_wanted import CONTENTS, Wanted, card_of, liars_in, package
from core.probes.saved import SavedProbes
from core.store.runs import Run
from dashboard import exchange_work, export_states, export_target, in_address, model_panel, session
from dashboard.exchange_work import PUSH
from dashboard.served_here import served_here

KINDS = {"run": "This run, without what was dropped", "probe": "A kept probe", "liar": "A liar"}
HUB, HERE = "hub", "here"
PLACES = {HUB: "The Hugging Face hub", HERE: "A folder or a download, to look at or send later"}
SMALL = 100_000
"""About the bytes of a package's texts."""


def show(run: Run) -> None:
    """The form."""
    kind = in_address.segmented_control(
        st, "What", tuple(KINDS), "what", key="push what", default="run", format_func=KINDS.get
    )
    wanted = _wanted(kind, run)
    if wanted is None:
        return
    try:
        card = (
            _card_of_run(wanted, *_state_of(run)) if kind == "run" else card_of(session.run_store(), wanted)
        )
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return
    st.markdown(f"In it: {', '.join(f'`{name}`' for name in CONTENTS[wanted.what])}.")
    with st.expander("The card, README.md"):
        st.code(card, language="markdown", wrap_lines=True)
    to = HERE
    if served_here():
        to = in_address.segmented_control(
            st, "To", (HUB, HERE), "hub", key="push to", default=HUB, format_func=PLACES.get
        )
    if to == HUB:
        _to_hub(wanted)
    else:
        of = run if kind == "run" else None
        size = SMALL if of is None else export_states.size(of, len(wanted.positions), wanted.layers)
        name = f"package-{run.run}" if kind == "run" else f"package-{kind}"
        write = partial(_write, wanted)
        export_target.show(name, write, size, f"{_command(wanted)} --to-folder", of)


def _state_of(run: Run) -> tuple[str, int, tuple[int, int]]:
    """What a run's card hangs on besides what is wanted: the cache, its answers and its decisions."""
    return str(session.cache()), run.answers, session.decision_store().version(run.run)


@st.cache_data(max_entries=4, show_spinner="Writing the card …")
def _card_of_run(wanted: Wanted, *state: object) -> str:
    return card_of(session.run_store(), wanted)


def _wanted(kind: str, run: Run) -> Wanted | None:
    """What was chosen; None, with the reason on screen, where there is nothing of the kind."""
    if kind == "run":
        chosen = export_states.choose(run)
        return None if chosen is None else Wanted("run", run.run, *chosen)
    if kind == "probe":
        kept = list(SavedProbes(session.cache()).facts())
        if not kept:
            st.info("No probe is kept yet: fit one on **Probes**, and keep it there by a name.")
            return None
        return Wanted("probe", st.selectbox("Probe", kept, key="push probe"))
    trained = {path.name: path for path in liars_in(session.cache())}
    if not trained:
        st.info("No liar with an exam is here yet: `telltale train-liar` trains and examines one.")
        return None
    return Wanted("liar", str(trained[st.selectbox("Liar", list(trained), key="push liar")]))


def _to_hub(wanted: Wanted) -> None:
    """Ask for the repository, and send it; or say why not."""
    if is_offline():
        st.info(
            "The hub's library is set offline here (HF_HUB_OFFLINE), so nothing can be sent. The same files "
            "can be written to a folder."
        )
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    to = left.text_input(
        "Repository", key="push repository", placeholder="owner/name, made where there is none"
    )
    private = right.checkbox("Private", True, key="push private", help="Of a repository that is made now.")
    st.caption(
        "Sent under the account that `hf auth login` logged in on this machine. The hub's own library reads "
        "the token: it is not asked for here, and neither shown nor kept."
    )
    tail = " --private" if private else ""
    st.code(
        f"{_command(wanted)} --to {shlex.quote(to or 'owner/name')}{tail}", language="bash", wrap_lines=True
    )
    if st.button("Push", type="primary", disabled=not to.strip()):
        task = exchange_work.push(session.run_store(), wanted, to.strip(), private)
        model_panel.start(PUSH, task)
    session.watch_job(PUSH)
    job = session.own_job(PUSH)
    if job is not None and job.state.result is not None:
        address, files = job.state.result
        st.success(session.as_text(f"{', '.join(files)} pushed to {address}."))


def _write(
    wanted: Wanted, target: Path, progress: Callable[[float, str], None], cancelled: Callable[[], bool]
) -> None:
    package(session.run_store(), wanted, target, progress, cancelled)


def _command(wanted: Wanted) -> str:
    told = export_states.options(wanted.positions, wanted.layers)
    return f"telltale push {wanted.what} {shlex.quote(wanted.name)}{' ' + told if told else ''}"
