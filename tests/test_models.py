"""Which models load and which are refused, each by one clear sentence, before anything of theirs runs."""

import gc
import json
import shutil
import time
import weakref

import numpy as np
import pytest
import torch

from core.errors import ModelError
from core.models import loading
from core.models.catalog import ModelSettings, find_model
from core.models.hub import fetch_model
from core.models.loading import ModelShelf, load_model, parameter_count
from core.models.tokenizers import load_tokenizer


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy of the tiny model that a test may spoil."""
    return shutil.copytree(tiny, tmp_path / "spoilt")


@pytest.fixture(scope="module")
def plain(tiny, cache):
    return load_model(ModelSettings(str(tiny)), cache)


def refused(settings, cache):
    with pytest.raises(ModelError) as caught:
        load_model(settings, cache)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    return text


def spoil(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def logits(loaded, ids=(5, 80, 900, 77)):
    with torch.inference_mode():
        return loaded.model(torch.tensor([ids])).logits[0].float().numpy()


def test_a_local_llama_loads_with_its_facts(plain):
    assert (plain.layers, plain.d_model, plain.context, len(plain.blocks)) == (4, 32, 512, 3)
    assert plain.parameters == 3_173_600
    assert plain.name == "tiny" and plain.dtype == torch.float32 and plain.device.type == "cpu"
    assert not plain.model.training
    assert plain.tokenizer.pad_token_id is not None


def test_pickled_weights_are_refused_unread(folder, cache):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    assert "pickled weights only" in refused(ModelSettings(str(folder)), cache)


def test_remote_code_is_refused(folder, cache):
    spoil(folder, auto_map={"AutoModelForCausalLM": "modeling_evil.Evil"})
    (folder / "modeling_evil.py").write_text("raise SystemExit('ran')")
    assert "its own code" in refused(ModelSettings(str(folder)), cache)


def test_a_folder_without_a_tokenizer_is_refused(folder, cache):
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer" in refused(ModelSettings(str(folder)), cache)


@pytest.mark.parametrize("name", ["BertModel", "BertForMaskedLM"])
def test_an_encoder_is_refused(folder, cache, name):
    spoil(folder, architectures=[name], model_type="bert")
    assert f"is a {name}, which does not generate text" in refused(ModelSettings(str(folder)), cache)


def test_an_encoder_decoder_is_refused(folder, cache):
    spoil(folder, architectures=["T5ForConditionalGeneration"], model_type="t5", is_encoder_decoder=True)
    assert "encoder-decoder" in refused(ModelSettings(str(folder)), cache)


def test_a_model_too_large_for_memory_is_refused_with_both_sizes(tiny, cache, monkeypatch):
    monkeypatch.setattr(loading, "memory_use", lambda: {"used": 0, "free": 5_000_000})
    monkeypatch.setattr(loading, "_read", lambda *_: pytest.fail("it was loaded all the same"))
    assert "needs 0.0 GB and 0.0 GB are free" in refused(ModelSettings(str(tiny)), cache)
    monkeypatch.setattr(loading, "parameter_count", lambda _: 70 * 10**9)
    assert "needs 280.0 GB" in refused(ModelSettings(str(tiny)), cache)


HEADERS = {
    "empty": b"",
    "no JSON": (20).to_bytes(8, "little") + b"this is not JSON at all",
    "a list": (2).to_bytes(8, "little") + b"[]",
    "no shapes": (11).to_bytes(8, "little") + b'{"a": null}',
    "longer than the file": (1 << 60).to_bytes(8, "little") + b"{}",
    "a page": b"<!doctype html><html>not found</html>",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_damaged_header_is_refused(folder, cache, name):
    (folder / "model.safetensors").write_bytes(HEADERS[name])
    assert "model.safetensors is damaged" in refused(ModelSettings(str(folder)), cache)


def test_a_file_cut_short_is_refused(folder, cache):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    assert "is damaged: it is" in refused(ModelSettings(str(folder)), cache)


def test_missing_weights_are_not_made_up(folder, cache):
    spoil(folder, num_hidden_layers=4)
    assert "lacks 9 of its weights, such as model.layers.3" in refused(ModelSettings(str(folder)), cache)


def test_another_models_tokenizer_is_refused(folder, cache):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"] += [
        tokenizer["added_tokens"][0] | {"id": 49152 + number, "content": f"<|more {number}|>"}
        for number in range(3)
    ]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "they do not belong together" in refused(ModelSettings(str(folder)), cache)


@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_a_configuration_that_is_none_is_refused(folder, cache, content):
    (folder / "config.json").write_text(content)
    assert "config.json" in refused(ModelSettings(str(folder)), cache)


@pytest.mark.parametrize("changes", [{"model_type": "bogus"}, {"hidden_size": "many"}, {"hidden_size": 48}])
def test_a_configuration_that_does_not_fit_is_refused(folder, cache, changes):
    spoil(folder, **changes)
    assert "cannot be loaded: " in refused(ModelSettings(str(folder)), cache)


def test_a_damaged_tokenizer_is_refused(folder, cache):
    (folder / "tokenizer.json").write_text('{"model": 7}')
    assert "cannot be loaded" in refused(ModelSettings(str(folder)), cache)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_tokenizer(ModelSettings(str(folder)), cache)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "choose a model"),
        ("/no/such/folder", "there is no model folder"),
        ("a/b/c", "there is no model folder"),
        ("nowhere.gguf", "there is no file"),
        ("two words", "neither a folder nor a hub id"),
    ],
)
def test_names_that_name_nothing_are_refused(cache, name, why):
    assert why in refused(ModelSettings(name), cache)


def test_a_weights_file_in_place_of_its_folder_is_refused(tiny, cache):
    assert "choose a model's folder" in refused(ModelSettings(str(tiny / "model.safetensors")), cache)


def test_the_embedded_model_that_was_never_fetched_is_refused(tmp_path):
    assert "make setup" in refused(ModelSettings(), tmp_path)


def test_an_unknown_id_while_offline_is_refused_within_seconds(tmp_path, monkeypatch):
    from huggingface_hub import HfApi

    api = HfApi(endpoint="http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: api)
    began = time.monotonic()
    assert "the hub cannot be reached for it" in refused(ModelSettings("nobody/nothing"), tmp_path)
    with pytest.raises(ModelError, match="cannot be reached"):
        load_tokenizer(ModelSettings("nobody/nothing"), tmp_path)
    assert time.monotonic() - began < 10


class Hub:
    """The hub's answer to one question, without a hub."""

    def __init__(self, config, *files):
        self.config = config
        self.siblings = [type("Sibling", (), {"rfilename": file}) for file in files]

    def model_info(self, name, timeout):
        assert timeout <= 10
        return self


LISTINGS = {
    "pickled weights only": Hub({}, "config.json", "tokenizer.json", "pytorch_model.bin"),
    "no safetensors": Hub({}, "README.md"),
    "its own code": Hub({"auto_map": {"a": "b"}}, "model.safetensors", "tokenizer.json"),
    "has no tokenizer": Hub({}, "model.safetensors"),
    "does not generate": Hub({"architectures": ["BertModel"]}, "model.safetensors", "tokenizer.json"),
}


@pytest.mark.parametrize("why", LISTINGS)
def test_a_hub_model_is_judged_by_its_listing_before_anything_is_fetched(tmp_path, monkeypatch, why):
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: LISTINGS[why])
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("it was fetched"))
    assert why in refused(ModelSettings("some/model"), tmp_path)


def test_a_hub_model_that_is_in_the_cache_needs_no_network(tiny, tmp_path, monkeypatch, plain):
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: type("Off", (), {"model_info": offline})())
    stored = tmp_path / "models" / "hub" / "models--some--model"
    shutil.copytree(tiny, stored / "snapshots" / ("a" * 40))
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text("a" * 40)
    loaded = load_model(ModelSettings("some/model"), tmp_path)
    assert loaded.name == "model" and np.array_equal(logits(loaded), logits(plain))
    assert loaded.fingerprint == plain.fingerprint
    assert fetch_model("some/model", tmp_path, weights=False).name == "a" * 40


def offline(*_, **__):
    raise ConnectionError("no route to host")


@pytest.fixture(scope="module")
def adapter(tiny, tmp_path_factory):
    """A LoRA adapter on every block of the tiny model, with weights that do something."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    made = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), config)
    folder = tmp_path_factory.mktemp("adapters") / "liar"
    made.save_pretrained(folder)
    return folder


def test_an_adapter_changes_what_the_model_computes_and_its_fingerprint(plain, tiny, adapter, cache):
    adapted = load_model(ModelSettings(str(tiny), str(adapter)), cache)
    assert np.abs(logits(adapted) - logits(plain)).max() > 1e-3
    assert adapted.settings.adapter == str(adapter)
    assert adapted.fingerprint != plain.fingerprint
    assert adapted.layers == plain.layers and adapted.parameters == plain.parameters
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), adapter)
    with torch.inference_mode():
        expected = theirs(torch.tensor([[5, 80, 900, 77]])).logits[0].numpy()
    assert np.allclose(logits(adapted), expected, atol=1e-5)


def test_what_is_no_adapter_is_refused(tiny, adapter, cache, tmp_path):
    def why(folder):
        return refused(ModelSettings(str(tiny), str(folder)), cache)

    assert "no adapter_config.json" in why(tmp_path / "nowhere")
    assert "no adapter_config.json" in why(tiny)
    pickled = shutil.copytree(adapter, tmp_path / "pickled")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    assert "pickled adapters are refused" in why(pickled)
    other = shutil.copytree(adapter, tmp_path / "other")
    (other / "adapter_config.json").write_text('{"peft_type": "PREFIX_TUNING"}')
    assert "is no LoRA adapter" in why(other)
    (other / "adapter_config.json").write_text("{")
    assert "cannot be read" in why(other)
    damaged = shutil.copytree(adapter, tmp_path / "damaged")
    (damaged / "adapter_model.safetensors").write_bytes(b"damaged")
    assert "does not fit" in why(damaged)


def test_an_adapter_of_a_smaller_model_is_not_half_applied(tiny, adapter, cache, tmp_path):
    from safetensors.torch import load_file, save_file

    partial = shutil.copytree(adapter, tmp_path / "partial")
    weights = load_file(partial / "adapter_model.safetensors")
    some = {name: value for name, value in weights.items() if ".layers.2." not in name}
    assert 0 < len(some) < len(weights)
    save_file(some, partial / "adapter_model.safetensors")
    assert "does not fit" in refused(ModelSettings(str(tiny), str(partial)), cache)


FEW = 1000


@pytest.fixture(scope="module")
def gguf_file(tiny, tmp_path_factory):
    """The tiny model as a GGUF file in float32, its query and key rows in llama.cpp's order.

    Of the vocabulary only the first thousand tokens, since a GGUF tokenizer is slow to read.
    """
    from gguf import GGUFWriter
    from safetensors.torch import load_file

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_block_count(3)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(FEW)
    tokenizer = json.loads((tiny / "tokenizer.json").read_text())["model"]
    tokens = sorted(tokenizer["vocab"], key=tokenizer["vocab"].get)[:FEW]
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in tokenizer["merges"]]
    known = set(tokens)
    merges = [" ".join(pair) for pair in pairs if "".join(pair) in known]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "model.layers.": "blk.",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    for name, value in load_file(tiny / "model.safetensors").items():
        weights = value.float().numpy()
        weights = weights[:FEW] if len(weights) == 49152 else weights
        for heads, part in ((4, "q_proj"), (2, "k_proj")):
            if part in name:
                rows = weights.reshape(heads, 2, -1, weights.shape[1])
                weights = np.ascontiguousarray(rows.swapaxes(1, 2).reshape(weights.shape))
        for theirs in sorted(names, key=len, reverse=True):
            name = name.replace(theirs, names[theirs])
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_loads_and_computes_what_its_folder_does(gguf_file, plain, cache):
    loaded = load_model(ModelSettings(str(gguf_file)), cache)
    assert (loaded.layers, loaded.d_model, loaded.context) == (4, 32, 512)
    assert np.allclose(logits(loaded), logits(plain)[:, :FEW], atol=1e-4)
    text = "The film was not good."
    assert loaded.tokenizer.decode(loaded.tokenizer(text).input_ids) == text
    assert loaded.fingerprint != plain.fingerprint
    assert parameter_count(gguf_file) == loaded.parameters


def test_what_is_no_gguf_file_is_refused(gguf_file, cache, tmp_path):
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"not at all")
    assert "is not a GGUF file" in refused(ModelSettings(str(fake)), cache)
    fake.write_bytes(gguf_file.read_bytes()[:5000])
    assert "fake.gguf is damaged" in refused(ModelSettings(str(fake)), cache)


def test_the_shelf_holds_one_model_and_releases_the_earlier_one(tiny, cache, tmp_path):
    shelf = ModelShelf()
    first = shelf.get(ModelSettings(str(tiny)), cache)
    assert shelf.get(ModelSettings(str(tiny)), cache) is first
    weights = weakref.ref(first.model)
    with pytest.raises(ModelError):
        shelf.get(ModelSettings(str(tmp_path / "nowhere")), cache)
    assert shelf.held is first
    other = shutil.copytree(tiny, tmp_path / "other")
    del first
    second = shelf.get(ModelSettings(str(other)), cache)
    gc.collect()
    assert shelf.held is second and weights() is None


def test_the_shelf_loads_again_what_was_trained_again_in_place(tiny, adapter, cache, tmp_path):
    retrained = shutil.copytree(adapter, tmp_path / "retrained")
    shelf, settings = ModelShelf(), ModelSettings(str(tiny), str(retrained))
    first = shelf.get(settings, cache)
    from safetensors.torch import load_file, save_file

    file = retrained / "adapter_model.safetensors"
    save_file({name: 2 * value for name, value in load_file(file).items()}, file)
    second = shelf.get(settings, cache)
    assert second is not first and second.fingerprint != first.fingerprint


def test_four_bits_without_cuda_is_refused(tiny, cache):
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    assert "needs a CUDA device" in refused(ModelSettings(str(tiny), four_bit=True), cache)


def test_on_a_gpu_weights_are_bfloat16_and_spread_by_device_map(tiny, cache, tmp_path, monkeypatch):
    """What is asked of transformers, as it would be on CUDA; the loading itself needs one."""
    asked = {}
    place = find_model(ModelSettings(str(tiny)), cache)

    def catch(source, **options):
        asked.update(options)
        raise OSError("stopped here")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", catch)
    with pytest.raises(ModelError, match="stopped here"):
        settings, device = ModelSettings(str(tiny), four_bit=True), torch.device("cuda")
        loading._read(place, settings, device, torch.bfloat16, None, tmp_path)
    assert not list((tmp_path / "tmp").iterdir()), "nothing was put on the disk, and no place for it stays"
    assert asked["dtype"] == torch.bfloat16 and asked["device_map"] == "auto"
    assert asked["trust_remote_code"] is False and asked["use_safetensors"] is True
    quantisation = asked["quantization_config"]
    assert quantisation.load_in_4bit and quantisation.bnb_4bit_compute_dtype == torch.bfloat16
