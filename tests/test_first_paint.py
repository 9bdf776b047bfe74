"""The first page is drawn without the large packages, which a thread imports once a browser has drawn it."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from core import umap_worker
from core.store.runs import RunStore
from dashboard import packages
from tests.conftest import beside
from tests.shift_runs import store_run

APP = Path(packages.__file__).with_name("app.py")
LARGE = ("torch", "transformers", "umap", "numba", "sklearn", "scipy", "peft", "datasets")
DRAW = """
import json, sys
import streamlit as st
from streamlit.testing.v1 import AppTest
from dashboard import packages

at_title = None
markdown = st.markdown

def noted(text, *arguments, **options):
    global at_title
    if text == "### Telltale":
        at_title = at_title or [name for name in sys.modules if name in ("pandas", "core.store.runs")]
    return markdown(text, *arguments, **options)

st.markdown = noted

def seen(page):
    boxes = [box.value for box in (*page.exception, *page.error)]
    return {
        "large": [name for name in sys.argv[2:] if name in sys.modules],
        "slow at title": at_title,
        "refused": boxes,
        "headings": [heading.value for heading in (*page.subheader, *page.markdown)],
        "buttons": [button.label for button in page.button],
        "figures": [metric.label for metric in page.metric],
        "captions": [caption.value for caption in page.caption],
        "bars": [bar.proto.text for bar in page.get("progress")],
    }

page = AppTest.from_file(sys.argv[1], default_timeout=300).run()
first, later = seen(page), None
"""
TELL = "\nprint(json.dumps([first, later]))"
ASK_AGAIN = """
page.run()  # as a browser does once it has drawn the page: the thread is started
packages.need()
later = seen(page.run())
"""


def drawn(cache: Path, then: str = "") -> tuple[dict, dict]:
    """What a process of its own drew at first, and after what it did `then`."""
    done = subprocess.run(
        [sys.executable, "-c", DRAW + then + TELL, str(APP), *LARGE],
        capture_output=True,
        text=True,
        cwd=APP.parents[1],
        env=os.environ | {"TELLTALE_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    first, later = json.loads(done.stdout.splitlines()[-1])
    return first, later


@pytest.fixture
def with_run(cache, tmp_path):
    """A cache with models, data, and a run with planted states."""
    folder = beside(cache, tmp_path)
    store_run(RunStore(folder), "plain-run", "plain", {0: 1.5}, 1)
    return folder


def test_where_nothing_was_fetched_the_offer_is_drawn_without_large_packages(tmp_path):
    first, _ = drawn(tmp_path)
    assert (first["large"], first["refused"]) == ([], [])
    assert first["buttons"] == ["Fetch model and reviews"]


def test_the_first_page_is_whole_without_large_packages(cache, tmp_path):
    first, _ = drawn(beside(cache, tmp_path))
    assert (first["large"], first["refused"]) == ([], [])
    assert {"### Telltale", "Ask one thing"} <= set(first["headings"])
    assert {"Start", "Ask", "Load it now"} <= set(first["buttons"])
    assert any("200 questions in" in caption for caption in first["captions"])


def test_a_run_is_shown_without_large_packages_and_what_needs_them_is_filled_in(with_run):
    first, later = drawn(with_run, ASK_AGAIN)
    assert (first["large"], first["refused"]) == ([], [])
    assert {"Honest accuracy", "Lies"} <= set(first["figures"])
    assert first["bars"] == [] and not any("Fit a probe" in caption for caption in first["captions"])
    assert later["refused"] == [] and {"torch", "transformers", "sklearn", "peft"} <= set(later["large"])
    assert not {"umap", "numba"} & set(later["large"])  # they are for a process of their own
    assert any("GB free" in text for text in later["bars"])
    assert any("Fit a probe" in caption for caption in later["captions"])


def test_the_title_is_drawn_before_pandas_and_the_stores_are_imported(tmp_path):
    first, _ = drawn(tmp_path)
    assert first["slow at title"] == []


def test_what_needs_them_sooner_waits_for_the_thread_that_imports_them(monkeypatch, tmp_path):
    gate, begun = threading.Event(), threading.Event()
    (tmp_path / "slow_to_import.py").write_text("import sys; sys.begun.set(); sys.gate.wait(30)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "gate", gate, raising=False)
    monkeypatch.setattr(sys, "begun", begun, raising=False)
    monkeypatch.setattr(packages, "LARGE", ("slow_to_import",))
    monkeypatch.setattr(packages, "_imported", threading.Event())
    monkeypatch.setattr(packages, "_begun", threading.Event())
    done: list[str] = []
    packages.import_in_background(then=lambda: done.append("after them"))
    assert begun.wait(30)
    packages.import_in_background(then=lambda: done.append("begun twice"))
    waits = threading.Thread(target=packages.need)
    waits.start()
    assert not packages.ready() and waits.is_alive() and done == []
    gate.set()
    waits.join(30)
    assert packages.ready()
    packages.import_in_background(then=lambda: done.append("begun anew"))
    [thread.join(30) for thread in threading.enumerate() if thread.name == packages.THREAD]
    assert done == ["after them"]


def test_what_comes_after_the_imports_is_done_though_somebody_needed_them_first(monkeypatch):
    monkeypatch.setattr(packages, "LARGE", ("json",))
    monkeypatch.setattr(packages, "_imported", threading.Event())
    monkeypatch.setattr(packages, "_begun", threading.Event())
    packages.need()
    packages.import_in_background(then=(came := threading.Event()).set)
    assert came.wait(30)


def test_a_package_that_is_missing_is_told_to_whoever_needs_it(monkeypatch):
    monkeypatch.setattr(packages, "LARGE", ("no_such_package",))
    monkeypatch.setattr(packages, "_imported", threading.Event())
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        packages.need()
    assert not packages.ready()


def test_umap_is_compiled_once_and_again_when_its_worker_has_failed_or_ended_idle(monkeypatch):
    asked: list[Future] = []

    def submit(*_):
        asked.append(Future())
        return asked[-1]

    monkeypatch.setattr(umap_worker, "submit", submit)
    monkeypatch.setattr(umap_worker, "_warm", None)
    umap_worker.warm_up()
    umap_worker.warm_up()
    assert len(asked) == 1
    asked[-1].set_exception(RuntimeError("killed"))
    umap_worker.warm_up()
    assert len(asked) == 2
    asked[-1].set_result(None)
    monkeypatch.setattr(umap_worker, "_idle_since", umap_worker.time.monotonic())
    umap_worker.warm_up()
    assert len(asked) == 2
    ended = umap_worker.time.monotonic() - umap_worker.IDLE_SECONDS - 1
    monkeypatch.setattr(umap_worker, "_idle_since", ended)
    umap_worker.warm_up()
    assert len(asked) == 3
