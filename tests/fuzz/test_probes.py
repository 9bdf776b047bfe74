"""Probes from elsewhere, and their names: kept whole under a name that can be read, or refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from core.errors import ProbeError
from core.probes.bundle import ARRAYS, FACTS, FittedProbe
from core.probes.saved import LONGEST_NAME, SavedProbes, check_model, in_words
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES, json_values
from tests.fuzz.refusals import accepted, listing, nothing_beside


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """An empty shelf of probes in a sandbox."""
    cache = tmp_path_factory.mktemp("sandbox") / "cache"
    cache.mkdir()
    return SavedProbes(cache)


def take_in(saved: SavedProbes, content: bytes, name: str = "") -> FittedProbe | None:
    """The probe as it is found again after it was taken in; a refused one leaves no trace."""
    cache = saved.folder.parent
    before = listing(cache)
    with nothing_beside(cache):
        kept = accepted(saved.add, content, name)
    if kept is None:
        assert listing(cache) == before
        return None
    assert kept in saved.facts() and kept.isprintable() and len(kept) <= LONGEST_NAME
    probe = saved.load(kept)
    in_words(probe.all_facts)
    scores = probe.scores(np.ones((2, *probe.vectors.shape), dtype=np.float32))
    assert np.isfinite(probe.probability(scores[:, probe.layer])).all()
    assert np.isfinite(probe.unlike(np.ones((2, probe.vectors.shape[1])))[0]).all()
    saved.delete(kept)
    return probe


@cases(150)
@given(name=NAMES)
def test_a_probe_of_any_name_stays_in_its_folder(saved, lab, name):
    take_in(saved, lab.probe.to_bytes(), name)
    accepted(saved.load, name)
    saved.delete(name)


FACT_NAMES = (
    "target",
    "position",
    "model",
    "layers",
    "d_model",
    "layer",
    "name",
    "auroc",
    "auroc_ci",
    "choices",
)


@cases(150)
@given(st.dictionaries(st.sampled_from(FACT_NAMES) | NAMES, json_values(3), max_size=3))
def test_a_probe_that_lies_about_itself_is_refused_or_of_use(saved, lab, facts):
    told = lab.probe.all_facts | {"name": "p"} | facts
    content = save(load(lab.probe.to_bytes()), metadata={FACTS: json.dumps(told)})
    probe = take_in(saved, content)
    if probe is not None:
        accepted(check_model, probe, lab.run)


@st.composite
def arrays(draw: st.DrawFn, probe: FittedProbe) -> bytes:
    """The probe's file with an array of another shape, type or content, missing, or one more."""
    held = {name: getattr(probe, name).astype(np.float64) for name in ARRAYS}
    chosen = draw(st.sampled_from(ARRAYS))
    change = draw(st.integers(0, 5))
    if change == 0:
        del held[chosen]
    elif change == 1:
        held["more"] = np.zeros(3)
    elif change == 2:
        held[chosen] = held[chosen].astype(draw(st.sampled_from(["f2", "f4", "i8", "u1", "?"])))
    elif change == 3:
        held[chosen] = np.zeros(draw(st.lists(st.integers(0, 3), max_size=3)))
    else:
        flat = held[chosen].ravel()
        worst = st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e40, 0.0, -1.0, 7.0])
        flat[draw(st.integers(0, len(flat) - 1))] = draw(worst)
        held[chosen] = flat.reshape(held[chosen].shape)
    return save(held, metadata={FACTS: json.dumps(probe.all_facts | {"name": "p"})})


@cases(150)
@given(data=st.data())
def test_a_probe_with_wrong_arrays_is_refused_or_of_use(saved, lab, data):
    take_in(saved, data.draw(arrays(lab.probe)))


@cases(200)
@given(data=st.data())
def test_a_damaged_probe_is_refused_or_of_use(saved, lab, data):
    content = bytearray(lab.probe.to_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, min(2000, len(content) - 1)))] = data.draw(st.integers(0, 255))
    take_in(saved, bytes(content[: data.draw(st.none() | st.integers(0, len(content)))]))


def test_a_file_without_facts_is_left_out_of_the_list(saved, lab):
    saved.save("mine", lab.probe)
    bare = save({"vectors": np.zeros(3)})
    with pytest.raises(ProbeError, match="it says nothing of itself"):
        saved.add(bare, "bare")
    (saved.folder / "0.safetensors").write_bytes(bare)
    assert list(saved.facts()) == ["mine"]


def test_a_probe_of_another_model_is_not_used(lab):
    other = replace(lab.probe, facts=lab.probe.facts | {"model": "\u202eelsewhere" * 40})
    with pytest.raises(ProbeError, match="its own model alone") as caught:
        check_model(other, lab.run)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 600
