"""Model folders with missing or lying files, and adapters made for another model."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from core.errors import ModelError
from core.models.catalog import ModelSettings, check_adapter, find_model
from core.models.described import check_counts
from core.models.loading import load_model
from core.models.tokenizers import load_tokenizer
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES, json_values, spoilt
from tests.fuzz.refusals import accepted, nothing_beside

COUNTS = ("num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_size", "head_dim")
COUNTS += ("intermediate_size", "vocab_size", "max_position_embeddings", "pad_token_id", "eos_token_id")
NUMBERS = st.sampled_from(
    [-1, 0, 1, 3, 64, 10**5, 10**8, 10**12, 1 << 40, 10**30, 0.5, 1e300, "3", None, [], True]
)
TEXTS = (
    "model_type",
    "architectures",
    "dtype",
    "torch_dtype",
    "hidden_act",
    "rope_scaling",
    "rope_parameters",
)
TEXTS += ("auto_map", "quantization_config", "text_config", "tie_word_embeddings", "attn_implementation")
KINDS = st.sampled_from(
    ["gpt2", "mamba", "t5", "bert", "float8_e4m3fn", "silu", ["GPT2LMHeadModel"], {"a": 1}, True]
)
CHANGES = st.dictionaries(st.sampled_from(COUNTS), NUMBERS, min_size=1, max_size=2) | st.dictionaries(
    st.sampled_from(TEXTS), KINDS | json_values(2), min_size=1, max_size=2
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A cache, and a folder beside it for models, both in a folder of their own."""
    cache = tmp_path_factory.mktemp("sandbox") / "cache"
    cache.mkdir()
    return cache


def copy_of(little: Path, sandbox: Path) -> Path:
    """The little model's folder anew, its weights and tokenizer as links."""
    folder = sandbox / "model"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in little.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def put(file: Path, content: bytes) -> None:
    """Write a file in place of a link to another."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


@cases(80)
@given(changes=CHANGES)
def test_a_configuration_that_lies_loads_or_is_refused(little, sandbox, changes):
    folder = copy_of(little, sandbox)
    config = json.loads((little / "config.json").read_text())
    put(folder / "config.json", json.dumps(config | changes).encode())
    with nothing_beside(sandbox):
        accepted(load_model, ModelSettings(str(folder)), sandbox)


FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
)
FILES += (
    "model.safetensors.index.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "adapter_config.json",
)
CONTENTS = st.binary(max_size=40) | json_values(4).map(json.dumps).map(str.encode)


@cases(150)
@given(
    files=st.dictionaries(
        st.sampled_from(FILES), CONTENTS | st.none() | st.just("folder"), min_size=1, max_size=3
    )
)
def test_a_folder_with_missing_or_wrong_files_is_found_or_refused(little, sandbox, files):
    folder = copy_of(little, sandbox)
    for name, content in files.items():
        (folder / name).unlink(missing_ok=True)
        if content == "folder":
            (folder / name).mkdir()
        elif content is not None:
            (folder / name).write_bytes(content)
    accepted(find_model, ModelSettings(str(folder)), sandbox)


@cases(50)
@given(name=st.sampled_from(FILES[1:4] + FILES[6:8]), content=CONTENTS)
def test_a_wrong_file_beside_sound_weights_loads_or_is_refused(little, sandbox, name, content):
    folder = copy_of(little, sandbox)
    put(folder / name, content)
    with nothing_beside(sandbox):
        accepted(load_model, ModelSettings(str(folder)), sandbox)


JSON_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


@cases(100)
@given(name=st.sampled_from(JSON_FILES), data=st.data())
def test_a_sound_file_with_one_thing_wrong_loads_or_is_refused(little, sandbox, name, data):
    folder = copy_of(little, sandbox)
    found = data.draw(spoilt(json.loads((little / name).read_text())))
    put(folder / name, json.dumps(found).encode())
    with nothing_beside(sandbox):
        accepted(load_model, ModelSettings(str(folder)), sandbox)


@cases(150)
@given(name=NAMES, adapter=st.none() | NAMES)
def test_any_name_of_a_model_is_found_or_refused(sandbox, name, adapter):
    with nothing_beside(sandbox):
        if accepted(find_model, ModelSettings(name, adapter), sandbox) and adapter:
            folder = accepted(lambda: ModelSettings(name, adapter).adapter_folder)
            assert folder is None or accepted(check_adapter, folder) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"num_hidden_layers": 10**8},
            "describes num_hidden_layers 100000000 and its weights are \d+ tensors",
        ),
        ({"vocab_size": 10**9}, "describes .* values and its weights hold"),
        ({"intermediate_size": 10**9}, "describes .* values and its weights hold"),
        ({"text_config": {"n_layer": 10**9}}, "describes n_layer"),
    ],
)
def test_a_configuration_far_larger_than_its_weights_is_refused(little, sandbox, changes, why):
    folder = copy_of(little, sandbox)
    config = json.loads((little / "config.json").read_text())
    put(folder / "config.json", json.dumps(config | changes).encode())
    with pytest.raises(ModelError, match=why):
        load_model(ModelSettings(str(folder)), sandbox)


def test_a_gguf_file_that_counts_more_blocks_than_it_has_tensors_is_refused():
    with pytest.raises(ModelError, match=r"x\.gguf describes llama\.block_count 1000000000"):
        check_counts({"general.architecture": "llama", "llama.block_count": 10**9}, 21, "x.gguf")


@pytest.mark.parametrize(
    "file", ["weights.bin", "../model.safetensors", "/etc/passwd", "none.safetensors", ""]
)
def test_a_list_of_weights_that_names_other_files_is_refused(little, sandbox, file):
    folder = copy_of(little, sandbox)
    put(folder / "weights.bin", b"cos\nsystem\n(S'touch owned'\ntR.")
    put(folder / "model.safetensors.index.json", json.dumps({"weight_map": {"a": file}}).encode())
    with pytest.raises(ModelError, match=r"names .*, which is no"):
        find_model(ModelSettings(str(folder)), sandbox)


def test_an_adapter_inside_a_model_folder_is_not_put_on_it_unasked(little, sandbox):
    folder = copy_of(little, sandbox)
    put(folder / "adapter_config.json", b'{"peft_type": "LORA", "base_model_name_or_path": "some/other"}')
    put(folder / "x.gguf", b"GGUF")
    for name in (folder, folder / "x.gguf"):
        with pytest.raises(ModelError, match="adapter"):
            find_model(ModelSettings(str(name)), sandbox)


PANICS = {
    "normalizer": {"type": "Precompiled", "precompiled_charsmap": ""},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "X", "type_id": 0}}],
        "pair": [],
        "special_tokens": {},
    },
}
"""Parts of a tokenizer at which its library panics, which is no `Exception`: when it is read, or used."""


@pytest.mark.parametrize("part", PANICS)
def test_a_tokenizer_that_panics_is_refused(little, sandbox, part):
    folder = copy_of(little, sandbox)
    tokenizer = json.loads((little / "tokenizer.json").read_text())
    put(folder / "tokenizer.json", json.dumps(tokenizer | {part: PANICS[part]}).encode())
    for load in (load_model, load_tokenizer):
        with pytest.raises(ModelError, match=r"the tokenizer of .* cannot be loaded"):
            load(ModelSettings(str(folder)), sandbox)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(little, sandbox):
    for name in ("config.json", "model.safetensors"):
        folder = copy_of(little, sandbox)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(ModelError, match=r"no ordinary file|holds no \*\.safetensors"):
            load_model(ModelSettings(str(folder)), sandbox)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def adapter(little, tmp_path_factory):
    """A LoRA adapter on every block of the little model."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapters") / "lora"
    get_peft_model(AutoModelForCausalLM.from_pretrained(little), config).save_pretrained(folder)
    return folder


LORA = ("r", "rank_pattern", "target_modules", "lora_alpha", "alpha_pattern", "bias", "modules_to_save")
LORA += ("layers_to_transform", "layers_pattern", "use_dora", "use_rslora", "init_lora_weights", "task_type")
LORA += (
    "layer_replication",
    "fan_in_fan_out",
    "lora_dropout",
    "peft_type",
    "exclude_modules",
    "auto_mapping",
)


@cases(60)
@given(changes=st.dictionaries(st.sampled_from(LORA), NUMBERS | json_values(3), min_size=1, max_size=2))
def test_an_adapter_that_lies_is_put_on_or_refused(little, adapter, sandbox, changes):
    folder = sandbox / "adapter"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(adapter, folder)
    config = json.loads((adapter / "adapter_config.json").read_text())
    put(folder / "adapter_config.json", json.dumps(config | changes).encode())
    with nothing_beside(sandbox):
        accepted(load_model, ModelSettings(str(little), str(folder)), sandbox)


@pytest.mark.parametrize("change", ["wider", "deeper", "other names", "none"])
def test_an_adapter_made_for_another_model_is_refused(little, adapter, sandbox, change):
    folder = sandbox / "other"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(adapter, folder)
    weights = load_file(folder / "adapter_model.safetensors")
    if change == "wider":
        weights = {name: value.repeat(2, axis=0).repeat(2, axis=1) for name, value in weights.items()}
    elif change == "deeper":
        weights |= {name.replace(".0.", ".7."): value for name, value in weights.items()}
    elif change == "other names":
        weights = {name.replace("q_proj", "c_attn"): value for name, value in weights.items()}
    else:
        weights = {}
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"does not fit|do not belong"):
        load_model(ModelSettings(str(little), str(folder)), sandbox)
