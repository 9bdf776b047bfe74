"""Headers of safetensors and GGUF files that are damaged, or claim terabytes."""

import io
import json
import struct

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import ModelError
from core.models.gguf_header import read_gguf_header
from core.models.safetensors_header import parse_header
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES, json_values
from tests.fuzz.refusals import accepted

SOUND = save({"a": np.zeros((2, 3)), "b": np.zeros(4, dtype=np.float16)}, metadata={"format": "np"})
SIZES = st.sampled_from(
    [-1, 0, 1, 2, 3, 6, 48, 56, 57, 1 << 31, 1 << 60, (1 << 64) - 1, 10**30, 2.0, True, None]
)


def header_of(content: bytes):
    """The header in the bytes of a safetensors file, or None where it is refused."""
    return accepted(parse_header, io.BytesIO(content), "x.safetensors")


def with_header(told: object, data: bytes = bytes(56)) -> bytes:
    """A safetensors file of that header and data."""
    header = json.dumps(told).encode()
    return len(header).to_bytes(8, "little") + header + data


def agrees(content: bytes) -> None:
    """What the library reads is not refused, and what is not refused has the size that it says."""
    found = header_of(content)
    try:
        read = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError):
        return
    assert found is not None and {name: t.shape for name, t in found.tensors.items()} == {
        name: array.shape for name, array in read.items()
    }


@cases(200)
@given(st.data())
def test_a_damaged_safetensors_file_is_refused_or_what_the_library_reads(data):
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    agrees(bytes(content[: data.draw(st.none() | st.integers(0, len(content)))]))


TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F64", "F16", "F4", "Q8", None]),
        "shape": st.lists(SIZES, max_size=3) | json_values(2),
        "data_offsets": st.lists(SIZES, max_size=3) | json_values(2),
    },
)


@cases(200)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]) | NAMES, TENSORS | json_values(2), max_size=3)
)
def test_a_safetensors_header_that_lies_is_refused(told):
    agrees(with_header(told))


@pytest.mark.parametrize("length", [0, 57, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_a_header_that_claims_terabytes_is_refused(length):
    assert header_of(length.to_bytes(8, "little") + SOUND[8:]) is None


@pytest.fixture(scope="module")
def sound_gguf(tmp_path_factory):
    """The bytes of a small GGUF file."""
    path = tmp_path_factory.mktemp("gguf") / "x.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_token_list(["a", "b", "ab"])
    writer.add_array("llama.numbers", [1, 2, 3])
    writer.add_tensor("token_embd.weight", np.zeros((3, 4), dtype=np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(4, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Where a GGUF file is written to be read."""
    return tmp_path_factory.mktemp("gguf") / "spoilt.gguf"


def test_a_sound_gguf_file_is_read(sound_gguf, file):
    file.write_bytes(sound_gguf)
    found = read_gguf_header(file)
    assert found.tensors == {"token_embd.weight": (4, 3), "output_norm.weight": (4,)} and found.values == 16
    assert found.facts["general.architecture"] == "llama" and found.facts["llama.block_count"] == 1


@cases(250)
@given(data=st.data())
def test_a_damaged_gguf_file_is_read_or_refused(sound_gguf, file, data):
    content = bytearray(sound_gguf)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.none() | st.integers(0, len(content)))])
    accepted(read_gguf_header, file)


@cases(250)
@given(data=st.data())
def test_a_gguf_file_that_claims_terabytes_is_refused_or_never_believed(sound_gguf, file, data):
    content = bytearray(sound_gguf)
    place = data.draw(st.integers(4, len(content) - 8))
    claim = data.draw(st.sampled_from([1 << 31, 1 << 32, 1 << 40, 1 << 60, (1 << 63) - 1, (1 << 64) - 1]))
    content[place : place + 8] = struct.pack("<Q", claim)
    file.write_bytes(content)
    found = accepted(read_gguf_header, file)
    assert found is None or found.values * 2 <= 8 * len(content)


@pytest.mark.parametrize("place", [8, 16, 24])
def test_counts_and_lengths_beyond_the_file_are_refused(sound_gguf, file, place):
    """At 8 stands how many tensors there are, at 16 how many facts, at 24 how long the first name is."""
    file.write_bytes(sound_gguf[:place] + struct.pack("<Q", 1 << 50) + sound_gguf[place + 8 :])
    with pytest.raises(ModelError, match=r"spoilt\.gguf is damaged: .* claims"):
        read_gguf_header(file)
