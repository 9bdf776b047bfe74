"""What pages share: stores, the chosen run and layer, background jobs on screen, and text shown as text.

State sits in two places only: the store on disk, and the browser session behind these functions.
"""

import getpass
import html
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.answer_list import AnswerList
from core.best_of import best_of
from core.errors import DamagedStates, StoreError, TelltaleError
from core.jobs import JOBS, Job, JobState
from core.labels import lay_decisions
from core.labels_of_run import judged
from core.paths import cache_folder
from core.store.decisions import DecisionStore
from core.store.judgements import JudgementStore
from core.store.runs import Run, RunStore
from core.store.saved import SavedStore
from dashboard import in_address, packages, work
from dashboard.plain_text import as_text

DEFAULT_LAYER_SHARE = 0.55
TOKEN_INK = "#1a1a1a"


@lru_cache(maxsize=4)
def _stores(cache: Path) -> tuple[RunStore, DecisionStore, SavedStore, JudgementStore]:
    return RunStore(cache), DecisionStore(cache), SavedStore(cache), JudgementStore(cache)


def cache() -> Path:
    """The cache folder. Raises `StoreError` where it cannot be written."""
    return cache_folder()


def run_store() -> RunStore:
    """Runs, answers and states."""
    return _stores(cache())[0]


def decision_store() -> DecisionStore:
    """Keep and drop decisions."""
    return _stores(cache())[1]


def saved_store() -> SavedStore:
    """Templates and statement sets."""
    return _stores(cache())[2]


def judgement_store() -> JudgementStore:
    """What test sets have judged."""
    return _stores(cache())[3]


def chosen_run() -> Run | None:
    """The run that every page looks at; None where there is none yet."""
    name = st.session_state.get("run")
    if not name:
        return None
    try:
        return run_store().run(name)
    except StoreError:
        return None


def choose_run(run: str) -> None:
    """Have every page look at another run, from the next rerun on."""
    st.session_state["wanted_run"] = run


def shows_refusals(draw: Callable[..., None]) -> Callable[..., None]:
    """Wraps a fragment: a mistake that a person can mend is shown as its sentence.

    Streamlit handles what a fragment raises by itself, so that the page never sees it.
    """

    @wraps(draw)
    def drawn(*arguments: Any) -> None:
        try:
            draw(*arguments)
        except TelltaleError as refused:
            show_refusal(refused)

    return drawn


def show_refusal(refused: TelltaleError) -> None:
    """Show a mistake that a person can mend; states that are damaged can be set aside at once."""
    st.error(as_text(refused))
    if isinstance(refused, DamagedStates):
        offer_to_set_aside()


def offer_to_set_aside() -> None:
    """A button that sets the chosen run's damaged answers aside: the rest is of use again at once."""
    run = chosen_run()
    if run is None or not st.button("Set the damaged answers aside", key=f"aside {run.run}"):
        return
    try:
        with run_store().writing(run.run):
            answers = run_store().set_damaged_aside(run.run)
    except TelltaleError as refused:
        st.error(as_text(refused))
        return
    st.session_state["set aside"] = f"{len(answers):,} answers of run {run.run} are set aside."
    st.rerun()


def tell_what_was_set_aside() -> None:
    """Say once, after the page is drawn anew, how many answers were set aside and how to get them back."""
    if told := st.session_state.pop("set aside", None):
        st.info(f"{as_text(told)} The same harvest on **Generate** makes just those again.")


def need_run() -> Run:
    """The chosen run; where there is none, says how to get one and stops the page."""
    run = chosen_run()
    if run is None:
        st.info("There is no run yet. Start one on the **Generate** page: 200 movie reviews take a minute.")
        if st.button("Go to Generate", type="primary"):
            st.switch_page("views/generate.py")
        st.stop()
        raise AssertionError  # st.stop never returns
    return run


def need_answers() -> tuple[Run, pd.DataFrame]:
    """The chosen run and its labelled answers; where it has none yet, says so and stops the page."""
    run = need_run()
    frame = answers(run)
    if frame.empty:
        st.info("This run has no answers yet. They appear here as soon as the first block is done.")
        _wait_for_answers(run.run)
        st.stop()
    return run, frame


def need_choices() -> tuple[Run, pd.DataFrame]:
    """As `need_answers`; of a run of open questions, says that the page is about choices and stops it."""
    run, frame = need_answers()
    if run.facts.get("open"):
        st.info(
            "This run asked open questions, whose answers are free text: this page is about choices. "
            "**Generate** shows how the answers came out, **Probes** reads right and wrong from their states."
        )
        st.stop()
    return run, frame


@st.fragment(run_every=1.5)
def _wait_for_answers(run: str) -> None:
    """Draw the page anew when the run has its first answers."""
    if run_store().run(run).answers:
        st.rerun()


def packages_ready() -> bool:
    """Whether the large packages are imported; where they are not, the page is drawn anew when they are."""
    if packages.ready():
        return True
    st.session_state["awaits packages"] = True
    return False


def need_packages() -> None:
    """Wait until the large packages are imported, and say so meanwhile."""
    if not packages.ready():
        with st.spinner("Importing what runs models and fits probes, once …"):
            packages.need()


def follow_new_run() -> None:
    """Have every page look at the run that this session just started, as soon as it has an id."""
    job = own_job(work.HARVEST)
    if not st.session_state.get("follow") or job is None:
        return
    if job.state.about:
        del st.session_state["follow"]
        choose_run(job.state.about)
        st.rerun()
    elif not job.state.running:
        del st.session_state["follow"]


@st.cache_resource(max_entries=4, show_spinner=False)
def _judged(cache: Path, run: str, answers: int, margin: float) -> pd.DataFrame:
    return judged(_stores(cache)[0], run)


@st.cache_resource(max_entries=4, show_spinner=False)
def _labelled(cache: Path, run: str, answers: int, margin: float, version: tuple[int, int]) -> pd.DataFrame:
    made = _stores(cache)[1].current(run)
    return best_of(lay_decisions(_judged(cache, run, answers, margin), made))


def judged_answers(run: Run) -> pd.DataFrame:
    """A run's answers with labels and flags, without any decision. Shared: not to be changed."""
    return _judged(cache(), run.run, run.answers, decision_store().margin(run.run))


def answers(run: Run) -> pd.DataFrame:
    """A run's labelled answers as they stand now. Shared between sessions: not to be changed.

    Judged once and laid over with decisions after each step: a key press does not judge 20,000 answers anew.
    """
    store = decision_store()
    return _labelled(cache(), run.run, run.answers, store.margin(run.run), store.version(run.run))


def answer_list(run: Run) -> AnswerList:
    """A run's judged answers as they stand now, to be read a page at a time."""
    return AnswerList(run_store(), run)


def who() -> str:
    """Whose decisions these are."""
    return st.session_state.get("who") or default_who()


def default_who() -> str:
    """The name of the account that runs the app."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "someone"


def layer(run: Run) -> int:
    """The layer that every page looks at."""
    last = run.facts["layers"] - 1
    return min(last, st.session_state.setdefault("layer", round(DEFAULT_LAYER_SHARE * last)))


def layer_slider(run: Run) -> int:
    """The slider of the shared layer; where something else chose another layer, it begins there."""
    slider = "layer slider"
    key = in_address.key_of(slider, layer(run))

    def moved() -> None:
        st.session_state["layer"] = st.session_state[key]
        in_address.shows(slider, st.session_state[key])
        in_address.put(layer=st.session_state[key])

    last = run.facts["layers"] - 1
    return st.slider("Layer (0 is the embedding output)", 0, last, value=layer(run), key=key, on_change=moved)


def own_job(name: str) -> Job | None:
    """The last job of that name that this browser session started."""
    return st.session_state.get(f"job {name}")


def watch_job(name: str, about: str | None = None, cancellable: bool = True) -> JobState | None:
    """Show how a background job stands: progress and a cancel button, or the error that ended it.

    The page reruns by itself when the job ends. Errors are shown to who started the job, and on the page of
    the run that it was about.

    Args:
        about: show the job only where it works on this run.
        cancellable: whether the work looks at the cancel button.
    """
    job = JOBS.get(name)
    if job is None or (about and job.state.about not in (None, about)):
        return None
    if job.state.running:
        _progress(name, cancellable)
    elif job.state.error and not job.state.cancelled and (about or job is own_job(name)):
        st.error(as_text(job.state.error))
        if job.state.damaged:
            offer_to_set_aside()
    return job.state


@st.fragment(run_every=2.0)
def activity() -> None:
    """What runs in the background now, whoever started it; redrawn by itself.

    When a job ends, the page is drawn anew once: what waited for it goes on.
    """
    if "busy" in st.session_state:  # the browser asks again: it has drawn the page
        packages.import_in_background(then=_warm_up_umap)
    if packages.ready() and st.session_state.pop("awaits packages", False):
        st.rerun()
    job = JOBS.running()
    busy = job.state.name if job else None
    before, st.session_state["busy"] = st.session_state.get("busy"), busy
    follow_new_run()
    if before and not busy:
        st.rerun()
    if job is not None:
        st.caption(as_text(f"{job.state.name}: {job.state.what}"))
        st.progress(job.state.fraction)


def _warm_up_umap() -> None:
    """Have UMAP compiled in its own process, where there is a run that the Projection page could show."""
    if any(run.answers for run in run_store().runs()):
        from core.umap_worker import warm_up

        warm_up()


@st.fragment(run_every=1.0)
def _progress(name: str, cancellable: bool) -> None:
    job = JOBS.get(name)
    if job is None or not job.state.running:
        st.rerun()
        return
    bar, button = st.columns([6, 1], vertical_alignment="center")
    stopping = job.cancelled()
    what = f"stopping after what is under way · {job.state.what}" if stopping else job.state.what
    whose = "" if job is own_job(name) else " (started in another window)"
    bar.progress(job.state.fraction, text=as_text(what + whose))
    if cancellable and button.button("Cancel", key=f"cancel {name}", width="stretch", disabled=stopping):
        job.cancel()
        st.rerun(scope="fragment")


def token_strip(tokens: list[str], colours: list[str], titles: list[str] | None = None) -> str:
    """HTML of tokens side by side, dark on light colours in any theme. Whatever a token holds is escaped."""
    pieces = []
    for number, (token, colour) in enumerate(zip(tokens, colours, strict=True)):
        title = html.escape(titles[number] if titles else token, quote=True)
        shown = html.escape(token).replace("Ġ", "·").replace("Ċ", "⏎")
        pieces.append(
            f'<span title="{title}" style="background:{html.escape(colour, quote=True)};padding:1px 3px;'
            f'margin:1px;border-radius:3px;display:inline-block">{shown}</span>'
        )
    body = "".join(pieces)
    style = f"color:{TOKEN_INK};font-family:monospace;font-size:0.82rem;line-height:1.7"
    return f'<div style="{style}">{body}</div>'
