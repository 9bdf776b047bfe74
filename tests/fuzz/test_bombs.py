"""Small files that unpack to huge ones and headers that claim terabytes, taken in under a limit on memory."""

import gzip
import json
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tests.fuzz.refusals import is_sentence

GIGABYTE = 1 << 30
LARGE = 200 << 20
"""Bytes of the largest upload that a page takes."""


def take_all(what: str, folder: Path, most: int) -> tuple[dict[str, str | None], int]:
    """What became of every file of a folder, and by how many bytes the memory rose; at most five minutes."""
    command = [sys.executable, "-m", "tests.fuzz.limited", what, str(folder), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    for told in found["told"].values():
        if told is not None:
            is_sentence(told)
    return found["told"], found["rise"]


def write_parquet(file: Path, columns: dict[str, pyarrow.Array], **options: object) -> None:
    """A Parquet file, packed as hard as can be."""
    parquet.write_table(pyarrow.table(columns), file, compression="zstd", **options)


def repeated(text: str, rows: int) -> pyarrow.Array:
    """A column in which one text stands in every row; it is held once."""
    places = pyarrow.array(np.zeros(rows, dtype=np.int32))
    return pyarrow.DictionaryArray.from_arrays(places, pyarrow.array([text]))


def write_tables(folder: Path) -> None:
    """Tables, decisions and a probe that are small, or as large as an upload may be, and ask for far more."""
    (folder / "sound.csv").write_text("text,label\na,0\nb,1\n")
    write_parquet(
        folder / "sound.parquet", {"text": pyarrow.array(["a", "b"]), "label": pyarrow.array([0, 1])}
    )
    million, numbers = 1_000_000, pyarrow.array(np.arange(1_000_000) % 2)
    write_parquet(folder / "repeated.parquet", {"text": repeated("x" * 10**6, million), "label": numbers})
    zeros = pyarrow.array(np.zeros(million))
    write_parquet(folder / "wide.parquet", {f"c{place}": zeros for place in range(100)})
    nested = pyarrow.ListArray.from_arrays([0, million], zeros)
    write_parquet(folder / "nested.parquet", {"text": nested, "label": pyarrow.array([1])})
    (folder / "packed.csv").write_bytes(gzip.compress(bytes(LARGE // 4), 1))
    with zipfile.ZipFile(folder / "packed.jsonl", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.jsonl", bytes(LARGE // 4))
    (folder / "keys.jsonl").write_text("".join(f'{{"{row % 1000}": 1}}\n' for row in range(million)))
    (folder / "empty.jsonl").write_bytes(b"{}\n" * (11 * million))
    (folder / "blank.jsonl").write_bytes(b"{}" + b"\n" * (11 * million))
    (folder / "cells.csv").write_bytes((b"," * 999 + b"\n") * (LARGE // 4000))
    (folder / "rows.csv").write_bytes(b"a,b\n" * (3 * million))
    (folder / "cell.csv").write_bytes(b"text,label\n" + b"x" * LARGE)
    (folder / "decisions.csv").write_bytes(b"answer,action\n" + b"1,keep\n" * (LARGE // 7))
    (folder / "claims.probe").write_bytes(struct.pack("<Q", 1 << 40) + bytes(1000))


TAKEN = {"sound.csv", "sound.parquet"}


def test_no_upload_takes_more_memory_than_its_size_allows(tmp_path):
    write_tables(tmp_path)
    told, rise = take_all("tables", tmp_path, 3 * GIGABYTE)
    assert {name for name, why in told.items() if why is None} == TAKEN, told
    assert "unpacks to more than" in told["repeated.parquet"]
    assert "cells" in told["wide.parquet"] and "cells" in told["keys.jsonl"] and "cells" in told["cells.csv"]
    assert "gzip" in told["packed.csv"] and "zip" in told["packed.jsonl"]
    assert "rows" in told["rows.csv"] and "lines" in told["empty.jsonl"] and "lines" in told["blank.jsonl"]
    assert "no column" in told["nested.parquet"] and "stands there twice" in told["decisions.csv"]
    assert rise < 2.5 * GIGABYTE


CLAIMS = {
    "blocks": {"num_hidden_layers": 10**9},
    "words": {"vocab_size": 10**10},
    "wide": {"hidden_size": 1 << 30, "head_dim": 1 << 20},
    "heads": {"num_attention_heads": 1 << 30},
    "context": {"max_position_embeddings": 10**12},
    "other": {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_positions": 10**6},
}
"""What configurations claim of a model of three blocks."""


def write_models(folder: Path, little: Path) -> None:
    """A sound model, and models and adapters whose files claim far more than they hold."""
    shutil.copytree(little, folder / "sound")
    config = json.loads((little / "config.json").read_text())
    for name, changes in CLAIMS.items():
        shutil.copytree(little, folder / name)
        (folder / name / "config.json").write_text(json.dumps(config | changes))
    shutil.copytree(little, folder / "header")
    weights = (little / "model.safetensors").read_bytes()
    (folder / "header" / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + weights[8:])
    for name, place in (("tensors", 8), ("facts", 16), ("text", 24)):
        (folder / name).mkdir()
        header = b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 1) + bytes(200)
        (folder / f"{name}.gguf").write_bytes(
            header[:place] + struct.pack("<Q", 1 << 40) + header[place + 8 :]
        )
        (folder / name).rmdir()
    write_adapter(folder / "adapter-rank", little, {"r": 10**9})
    write_adapter(folder / "adapter-pattern", little, {"rank_pattern": {"q_proj": 10**9}})
    write_adapter(folder / "adapter-blocks", little, {"layer_replication": [[0, 3]] * 10**5})


def write_adapter(folder: Path, little: Path, changes: dict) -> None:
    """A LoRA adapter of the little model, with changes in what it says of itself."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=2, target_modules=["q_proj"])
    get_peft_model(AutoModelForCausalLM.from_pretrained(little), config).save_pretrained(folder)
    told = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(told | changes))


@pytest.mark.filterwarnings("ignore")
def test_no_model_takes_more_memory_than_its_weights_allow(little, tmp_path):
    write_models(tmp_path, little)
    told, rise = take_all("models", tmp_path, 2 * GIGABYTE)
    refused = {name for name, why in told.items() if why is not None}
    assert set(told) - refused <= {"sound", "context"}, told
    assert rise < GIGABYTE // 2
