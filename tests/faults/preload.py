"""What the fork server imports once, so that a process of the program begins at once."""

import core.commands.doctor
import core.commands.harvest
import core.commands.probing
import core.commands.runs
import core.store.arrays
import tests.faults.child  # noqa: F401

core.cli.quieten()
core.store.arrays._zarr()
