"""What people bring, made as bad as can be: it is taken, or refused in one clear sentence, and nothing else.

`TELLTALE_FUZZ=10` tries ten times as many cases of everything.
"""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("TELLTALE_FUZZ", "1"))


def cases(number: int) -> settings:
    """So many cases in CI, without a limit on the time of one."""
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=number * TIMES, deadline=None, suppress_health_check=slow)
