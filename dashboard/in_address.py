"""The selection in the address: page, run, layer and the page's filters, so that a link shows the same thing.

What an address holds is data: a value that a page does not offer is ignored, and said so. Only choices among
what a page offers and numbers within its bounds stand in it, nothing that a person typed.

A widget begins at what the address says; its state is not set. Setting it reaches only a browser that has
drawn the widget: where two runs of the script follow each other at once, as when a page is opened by its
link, the second says nothing of a value. So a widget that something else than a hand on it moves, such as a
way back in the browser, is drawn anew under another key, and begins there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.plain_text import as_text

RUN, LAYER = "run", "layer"
SHARED = (RUN, LAYER)
LONGEST = 60
"""Characters of an ignored value that are shown."""
MOST = 8
"""Offers that are named beside an ignored value."""
Place = DeltaGenerator | ModuleType


@dataclass
class Address:
    """What a browser session has chosen, as it stands in addresses."""

    shared: dict[str, str]
    pages: dict[str, dict[str, str]] = field(default_factory=dict)
    page: str | None = None
    opened: dict[str, str] = field(default_factory=dict)
    """Values that came with a link, until something on the page has looked at them."""
    ignored: dict[str, str] = field(default_factory=dict)
    """A sentence for each value that came with a link and cannot be used."""
    told: DeltaGenerator | None = None
    """Where those sentences stand."""


def read() -> None:
    """Keep what the address holds as a session begins.

    Called before anything is drawn: a click on a page while the first is still being drawn empties it.
    """
    if "address" not in st.session_state:
        given = st.query_params.to_dict()
        st.session_state["address"] = Address({name: given[name] for name in SHARED if name in given})
        _address().opened = given


def on_page(page: str) -> None:
    """Have the address hold what was chosen on a page, or follow one that a browser went back or forward to.

    Args:
        page: its path; empty for the default page.
    """
    address = _address()
    travelled = _travelled()
    if page != address.page or travelled:
        given = st.query_params.to_dict()
        if address.page is not None:
            address.opened = given  # empty after a click on the page's link
            address.shared |= {name: given[name] for name in SHARED if name in given}
        if address.opened or travelled:
            address.pages[page] = {n: text for n, text in address.opened.items() if n not in SHARED}
        address.page = page
        address.ignored = {}
    _write(address)


def tell_ignored() -> None:
    """Say here which values of the address were ignored, also those that are found out later on."""
    address = _address()
    address.told = st.container()
    for sentence in address.ignored.values():
        address.told.warning(as_text(sentence))


def take(name: str) -> str | None:
    """The run or layer that a link asks for, once; None where none does."""
    address = _address()
    return address.shared.get(name) if address.opened.pop(name, None) is not None else None


def put(**values: object) -> None:
    """Have the address hold the run and layer that are looked at, or one of them.

    Both at once where both change: each change is a step that a browser's Back takes back.
    """
    address = _address()
    address.shared |= {name: str(value) for name, value in values.items()}
    _write(address)


def key_of(widget: str, value: object) -> str:
    """The key under which to draw a widget that begins at a value: another one where it showed another.

    Args:
        widget: names it, and is its key until something else than a hand on it moves it.
    """
    number, showed = st.session_state.get(f"showed {widget}", (0, value))
    number += showed != value
    st.session_state[f"showed {widget}"] = number, value
    return f"{widget} {number}" if number else widget


def shows(widget: str, value: object) -> None:
    """Note where a hand has put a widget, so that it stays the same one."""
    number, _ = st.session_state[f"showed {widget}"]
    st.session_state[f"showed {widget}"] = number, value


def ignore(name: str, text: str, instead: str) -> None:
    """Say that a value of the address cannot be used.

    Args:
        instead: what it can be, or what is shown; begins in small letters and ends without a full stop.
    """
    address = _address()
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    sentence = f"The address asks for {name} “{cut}”, which is ignored: {instead}."
    if address.ignored.get(name) != sentence:
        address.ignored[name] = sentence
        (address.told or st).warning(as_text(sentence))


def forget(name: str) -> None:
    """Leave a choice out of the address: its widget begins as usual again."""
    _chosen(_address()).pop(name, None)


def selectbox(
    place: Place, label: str, options: Sequence[Any], name: str, *, key: str, index: int = 0, **more: Any
) -> Any:
    """A select box whose choice stands in the address under a name.

    Args:
        index: of the usual choice, which the address leaves out.
        more: what `st.selectbox` takes besides.
    """
    offered = list(options)
    start = _start(name, lambda text: _among(offered, text), index)
    chosen = place.selectbox(label, offered, start, key=key_of(key, offered[start]), **more)
    _keep(name, key, chosen, offered[index])
    return chosen


def segmented_control(
    place: Place, label: str, options: Sequence[Any], name: str, *, key: str, default: Any, **more: Any
) -> Any:
    """A segmented control whose choice stands in the address under a name.

    Args:
        default: the usual choice, which the address leaves out, and which is given where nothing is chosen.
        more: what `st.segmented_control` takes besides.
    """
    offered = list(options)
    start = _start(name, lambda text: _among(offered, text), offered.index(default))
    begun = key_of(key, offered[start])
    chosen = place.segmented_control(label, offered, default=offered[start], key=begun, **more)
    chosen = default if chosen is None else chosen
    _keep(name, key, chosen, default)
    return chosen


def multiselect(
    place: Place,
    label: str,
    options: Sequence[Any],
    usual: Sequence[Any],
    name: str,
    *,
    key: str,
    **more: Any,
) -> list[Any]:
    """Several choices, in the address with commas between them.

    Args:
        usual: what is chosen at first, and left out of the address.
        more: what `st.multiselect` takes besides.
    """
    offered, begin = list(options), list(usual)

    def several(text: str) -> list[Any]:
        parts = text.split(",") if text else []
        return [offered[_among(offered, part)] for part in parts]

    start = _start(name, several, begin)
    chosen = place.multiselect(label, offered, start, key=key_of(key, start), **more)
    _keep(name, key, chosen, begin)
    return chosen


def number_input(
    place: Place,
    label: str,
    low: int,
    high: int,
    usual: int,
    step: int,
    name: str,
    *,
    key: str,
    **more: Any,
) -> int:
    """A whole number between two bounds that stands in the address.

    Args:
        usual: what it is at first, left out of the address.
        more: what `st.number_input` takes besides.
    """
    start = _start(name, lambda text: number(text, low, high), usual)
    chosen = int(place.number_input(label, low, high, start, step, key=key_of(key, start), **more))
    _keep(name, key, chosen, usual)
    return chosen


def number(text: str, low: int, high: int) -> int:
    """A whole number of an address.

    Raises:
        ValueError: it is none, or not between the bounds; says what can be had.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and low <= int(text) <= high):
        raise ValueError(f"it is a whole number from {low} to {high}")
    return int(text)


def _address() -> Address:
    return st.session_state.setdefault("address", Address({}))


def _chosen(address: Address) -> dict[str, str]:
    return address.pages.setdefault(address.page or "", {})


def _travelled() -> bool:
    """Whether this run of the script follows the browser's Back or Forward.

    The address alone does not tell: a click that comes before the browser has heard of the last change sends
    the address from before it.
    """
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _write(address: Address) -> None:
    standing = {name: text for name, text in address.shared.items() if text} | _chosen(address)
    if st.query_params.to_dict() != standing:
        st.query_params.from_dict(standing)


def _word(option: object) -> str:
    """An option, or several, as they stand in the address."""
    if isinstance(option, list):
        return ",".join(_word(part) for part in option)
    return str(option).lower() if option is None else str(option)


def _among(offered: list[Any], text: str) -> int:
    words = [_word(option) for option in offered]
    if text in words:
        return words.index(text)
    more = ", …" if len(words) > MOST else ""
    raise ValueError(f"this page offers {', '.join(words[:MOST])}{more}")


def _start(name: str, parse: Callable[[str], Any], usual: Any) -> Any:
    """Where a widget begins: at what the address holds where that can be used, else as usual."""
    address = _address()
    text = _chosen(address).get(name)
    if text is None:
        return usual
    came_by_link = address.opened.pop(name, None) is not None
    try:
        return parse(text)
    except ValueError as refused:
        if came_by_link:
            ignore(name, text, str(refused))
        return usual


def _keep(name: str, widget: str, chosen: Any, usual: Any) -> None:
    """Have the address hold a choice; the usual one is left out."""
    address = _address()
    shows(widget, chosen)
    standing, word = _chosen(address), _word(chosen)
    if word == _word(usual):
        standing.pop(name, None)
    elif standing.get(name) != word:
        standing[name] = word
        address.ignored.pop(name, None)
    _write(address)
