"""What every test may ask for: the cache with the embedded model and reviews, as `make setup` leaves it."""

from pathlib import Path

import pytest

from core.paths import cache_folder


@pytest.fixture(scope="session")
def cache() -> Path:
    return cache_folder()
