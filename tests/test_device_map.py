"""A model whose modules lie on several devices gives the answers and states of the model on one."""

import gc

import numpy as np
import pytest
from peft import LoraConfig, get_peft_model

from core.data.sources import DataSettings
from core.engine.harvest import harvest, prepare
from core.engine.packed import packable
from core.engine.settings import HarvestSettings
from core.errors import ModelError
from core.logit_lens import choice_lens
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.templates import BUILT_IN, OPEN_TEMPLATES
from core.store.runs import RunStore
from tests.conftest import beside

SPLIT = {
    "model.embed_tokens": "cpu",
    "model.rotary_emb": "cpu",
    "model.layers.0": "cpu",
    "model.layers.1": "disk",
    "model.layers.2": "disk",
    "model.norm": "cpu",
    "lm_head": "disk",
}
"""Of the tiny model: two of its three blocks and its output lie on the disk until they are computed."""


@pytest.fixture(scope="module")
def adapter(tiny, cache, tmp_path_factory):
    """A LoRA adapter of random weights on every block."""
    folder = tmp_path_factory.mktemp("adapter")
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(load_model(ModelSettings(str(tiny)), cache).model, config).save_pretrained(str(folder))
    return folder


def on_disk(loaded):
    return {name for name, weight in loaded.model.named_parameters() if weight.device.type == "meta"}


@pytest.mark.parametrize("data", ["movie-reviews", "open-numbers"])
def test_a_harvest_is_that_of_the_model_on_one_device(data, tiny, cache, tmp_path):
    model = ModelSettings(str(tiny))
    template = OPEN_TEMPLATES.get(data) or BUILT_IN["review"]
    settings = HarvestSettings(DataSettings(data, n=12), template, model, contrast=data == "movie-reviews")
    stores = []
    for name, split in (("one", None), ("several", SPLIT)):
        (tmp_path / name).mkdir()
        folder = beside(cache, tmp_path / name)
        loaded = load_model(model, folder, split)
        assert len(on_disk(loaded)) == (0 if split is None else 19)
        assert packable(loaded) == (split is None)
        assert harvest(prepare(settings, loaded, folder), loaded, RunStore(folder)).complete
        stores.append(RunStore(folder))
    one, several = stores
    [run] = one.runs()
    assert [other.run for other in several.runs()] == [run.run]
    mine, theirs = one.answers(run.run), several.answers(run.run)
    assert mine["generated"].tolist() == theirs["generated"].tolist()
    answers = mine["answer"].to_numpy()
    for position in settings.kept:
        for layer in range(run.facts["layers"]):
            np.testing.assert_allclose(
                several.layer(run.run, position, layer, answers),
                one.layer(run.run, position, layer, answers),
                rtol=1e-4,
                atol=1e-5,
            )


def test_the_logit_lens_reads_an_output_that_lies_on_the_disk(tiny, cache, tmp_path):
    folder, spellings = beside(cache, tmp_path), [{"choice": 0, "ids": [5]}, {"choice": 1, "ids": [80]}]
    states = np.random.default_rng(0).normal(size=(7, 32)).astype(np.float32)
    one, several = (
        choice_lens(load_model(ModelSettings(str(tiny)), folder, split), spellings) for split in (None, SPLIT)
    )
    np.testing.assert_allclose(several(states), one(states), rtol=1e-4, atol=1e-5)


def test_an_adapter_is_not_laid_over_weights_that_are_not_there(tiny, adapter, cache, tmp_path):
    with pytest.raises(ModelError, match="have no room for all of its weights"):
        load_model(ModelSettings(str(tiny), str(adapter)), beside(cache, tmp_path), SPLIT)


def test_weights_that_were_put_on_the_disk_go_with_the_model(tiny, cache, tmp_path):
    folder = beside(cache, tmp_path)
    loaded = load_model(ModelSettings(str(tiny)), folder, SPLIT)
    assert len(list((folder / "tmp").iterdir())) == 1
    del loaded
    gc.collect()
    assert not list((folder / "tmp").iterdir())
