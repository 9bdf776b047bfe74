"""Every probe method, found by its file: a module here with a `METHOD` is a method.

To add one, add a file. What several methods share is in `core.probes.linear` and `core.probes.contrast`.
"""

from importlib import import_module
from pkgutil import iter_modules

from core.errors import ProbeError
from core.probes.method import NEEDS, Method

DEFAULT = "logistic"


def find_methods() -> dict[str, Method]:
    """The methods by name: the default one first, then by what they need, then by name.

    Raises:
        ProbeError: a file has no `METHOD`, or two have one name.
    """
    found: dict[str, Method] = {}
    for module in iter_modules(__path__):
        method = getattr(import_module(f"{__name__}.{module.name}"), "METHOD", None)
        if not isinstance(method, Method):
            raise ProbeError(f"core/probes/methods/{module.name}.py has no METHOD: give it one, or move it")
        if method.name in found:
            raise ProbeError(f"two files make a method named {method.name!r}: rename one")
        found[method.name] = method
    needs = list(NEEDS)
    ordered = sorted(found.values(), key=lambda m: (m.name != DEFAULT, needs.index(m.needs), m.name))
    return {method.name: method for method in ordered}


ALL = find_methods()
METHODS = tuple(name for name, method in ALL.items() if method.one_layer)
"""Those that make one probe of a state for each layer of a stored run."""
CONTRAST_METHODS = tuple(name for name, method in ALL.items() if method.contrast)
"""Those that make one probe of contrast pairs for each layer of a run that keeps such."""


def method_named(name: str) -> Method:
    """A method by its name.

    Raises:
        ProbeError: there is none.
    """
    if name not in ALL:
        raise ProbeError(f"unknown method {name!r}: choose {', '.join(METHODS + CONTRAST_METHODS)}")
    return ALL[name]
