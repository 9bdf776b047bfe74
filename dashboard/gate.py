"""Who may see the app: everyone on this machine, and elsewhere those who give its password.

Called before anything else is drawn. It guards what is drawn, and keeps no accounts: one password, which each
browser session gives once in a form, so that it stands in no address and in no cookie.
"""

import hashlib
import hmac
import ipaddress
import os
import sys
import threading
import time
from functools import cache

import streamlit as st

PASSWORD = "TELLTALE_PASSWORD"
SHORTEST = 12
"""Characters of a password that a person chose."""
PAUSE = 1.0
"""Seconds that a wrong try takes. One try is looked at at a time, whoever makes it."""
_tries = threading.Lock()


def is_loopback(address: str | None) -> bool:
    """Whether only this machine can reach what is served on an address; None stands for all addresses."""
    if address is None:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def password_problem(password: str) -> str | None:
    """Why a password cannot be used; None where it can. Never names the password."""
    if len(password) < SHORTEST:
        return (
            f"{PASSWORD} has {len(password)} characters: choose {SHORTEST} or more, or unset it: "
            "`make run ADDRESS=…` then makes a token"
        )
    return None


def is_password(given: str, password: str) -> bool:
    """Whether the two are the same, in a time that does not tell how far they agree; a wrong try is slow."""
    with _tries:
        right = hmac.compare_digest(_digest(given), _digest(password))
        if not right:
            time.sleep(PAUSE)
    return right


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def need_admission() -> None:
    """Draw the form, or what is to be done first, and stop, until this browser session is admitted.

    An app on another address than this machine's own is shown to nobody without a password. One that is set
    is asked for on this machine too.
    """
    address, password = st.get_option("server.address"), os.environ.get(PASSWORD)
    if not password and is_loopback(address):
        return
    if st.session_state.get("admitted"):
        return
    if problem := password_problem(password) if password else _unguarded(address):
        _warn(problem)
        st.error(problem)
    elif password:
        _ask(password)
    st.stop()


def _ask(password: str) -> None:
    """The form; draws the app anew when the right password is given."""
    with st.form("admission", clear_on_submit=True):
        given = st.text_input("Password or token", type="password", autocomplete="current-password")
        asked = st.form_submit_button("Enter")
    if asked and is_password(given, password):
        st.session_state["admitted"] = True
        st.rerun()
    elif asked:
        st.error("That is not it. The token stands in the terminal that the app was started in.")


def _unguarded(address: str | None) -> str:
    return (
        f"Telltale is served on {address or 'all addresses'}, not to this machine alone, without a password. "
        f"Stop it, and start it with `make run ADDRESS={address or '0.0.0.0'}`, which makes a token, or set "
        f"{PASSWORD}."
    )


@cache
def _warn(problem: str) -> None:
    """Say it on the terminal too, once."""
    print(f"telltale: {problem}", file=sys.stderr, flush=True)
