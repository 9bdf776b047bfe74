"""What each command does: plain calls of core's functions, giving (object for --json, text for people)."""

from collections.abc import Callable
from importlib import import_module

from core.commands.options import Result

MODULES = {
    "calibration": "tokens",
    "export": "exchange",
    "import": "exchange",
    "probes": "probing",
    "probe": "probing",
    "score": "probing",
    "train_liar": "models",
}
"""Where a command is that does not stand in a module of its own name."""
FUNCTIONS = {"import": "take_in"}
"""What does a command whose own name is a word of Python's."""


def command(name: str) -> Callable[..., Result]:
    """The function of a command by its name on the command line, `read-or-said` as well.

    Its module alone is imported: to list runs takes no torch.
    """
    function = name.replace("-", "_")
    module = import_module(f"core.commands.{MODULES.get(function, function)}")
    return getattr(module, FUNCTIONS.get(function, function))
