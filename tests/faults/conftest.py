"""One campaign in its short form for all tests of this folder."""

import pytest

from tests.faults.scene import Scene


@pytest.fixture(scope="session")
def scene(cache, tmp_path_factory) -> Scene:
    return Scene(cache, tmp_path_factory.mktemp("faults"), short=True)
