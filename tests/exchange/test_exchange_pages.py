"""Import and Export: what they offer to whom, and the work that they hand to the background."""

import json
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import constants
from streamlit.testing.v1 import AppTest

from core.exchange.hub_wanted import Wanted
from core.exchange.import_states import import_states
from core.exchange.run_folder import export_folder
from core.jobs import Job
from core.models.catalog import ModelSettings
from core.store.runs import RunStore
from dashboard import exchange_work, gate
from tests.conftest import beside
from tests.exchange.brought import bring
from tests.exchange.hub_stub import Hub

VIEWS = Path(exchange_work.__file__).with_name("views")
TOKEN = "hf_neverShownToAnybody"


@pytest.fixture
def store(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("TELLTALE_CACHE", str(tmp_path / "cache"))
    return RunStore(tmp_path / "cache")


@pytest.fixture
def run(store, tmp_path):
    return import_states(store, *bring(tmp_path)).run


def done(work):
    """How a piece of work ended, done here and now."""
    job = Job("here")
    job.run(work)
    return job.state


def drawn(name, run, **state):
    page = AppTest.from_file(str(VIEWS / f"{name}.py"), default_timeout=120)
    for key, value in {"run": run, **state}.items():
        page.session_state[key] = value
    page.run()
    assert not page.exception and not page.error
    return page


def labels_of(page):
    return [found.label for found in (*page.button_group, *page.text_input, *page.button)]


@pytest.mark.parametrize("here", [True, False])
def test_paths_and_the_hub_are_offered_at_this_machine_alone(run, here, monkeypatch):
    monkeypatch.setattr(gate, "is_loopback", lambda address: here)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert ("Where it lies" in labels_of(drawn("import", run))) == here
    assert ("New folder" in labels_of(drawn("export", run))) == here
    pushing = labels_of(drawn("export", run, **{"export form": "push"}))
    assert ("Push" in pushing) == ("Repository" in pushing) == here != ("Write it" in pushing)


def test_without_a_run_export_says_how_to_get_one(store):
    page = drawn("export", None)
    assert "There is no run yet" in page.info[0].value


@pytest.mark.parametrize("status", [200, 401])
def test_a_push_gives_its_address_or_why_not_and_never_the_token(store, run, status, monkeypatch):
    hub = Hub()
    hub.status = status
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    state = done(exchange_work.push(store, Wanted("run", run), "somebody/some-run", True))
    hub.end()
    assert TOKEN not in repr(state) and f"Bearer {TOKEN}" in hub.tokens
    if status == 200:
        assert state.result[0] == f"{hub.address}/datasets/somebody/some-run" and state.error is None
        assert set(state.result[1]) == set(hub.files["datasets/somebody/some-run"])
    else:
        assert state.result is None and "hf auth login" in state.error


@pytest.mark.parametrize(
    ("target", "why"), [("", "is there already"), ("~nobody-of-that-name/x", "nobody has that home")]
)
def test_a_folder_that_cannot_be_written_is_one_sentence(store, run, tmp_path, target, why):
    write = partial(export_folder, store, run)
    state = done(exchange_work.take_out(store, run, "x", write, Path(target or tmp_path)))
    assert why in state.error and state.result is None


def test_transcripts_are_read_by_the_model_that_is_chosen(cache, tiny, tmp_path):
    store = RunStore(beside(cache, tmp_path))
    path = tmp_path / "chats.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": f"Is {n} even?"}, {"role": "assistant", "content": "true"}]}
        | {"label": ("false", "true")[n % 2 == 0]}
        for n in range(4)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    state = done(exchange_work.bring_answers(store, path, ModelSettings(str(tiny)), "of May"))
    assert state.error is None and state.result.answers == 4 and "off-policy" in str(state.result)
    assert "given answers, off-policy: of May" in store.run(state.result.run).title
