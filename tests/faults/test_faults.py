"""Each fault of the campaign in its short form: it is injected, and nothing is lost."""

import pytest

from tests.faults.campaign import FAULTS


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost(scene, name):
    found = list(FAULTS[name](scene))
    assert [one for one in found if one.lost] == []
    assert [one for one in found if not one.skipped], "the fault was not injected"
