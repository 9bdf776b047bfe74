"""Tiny random models with the embedded model's tokenizer, where only shapes matter: growth, and tests."""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from core.models.embedded import embedded_folder

BLOCKS = 3


def write_tiny_llama(cache: Path, folder: Path, d_model: int) -> Path:
    """A random Llama of three blocks, written to a folder."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=d_model,
        intermediate_size=2 * d_model,
        num_hidden_layers=BLOCKS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    return write_with_tokenizer(LlamaForCausalLM(config), cache, folder)


def write_with_tokenizer(model: Any, cache: Path, folder: Path) -> Path:
    """Write a model to a folder, with the embedded model's tokenizer beside it."""
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(embedded_folder(cache) / name, folder)
    return folder
