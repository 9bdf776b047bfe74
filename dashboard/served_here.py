"""What is offered to people at this machine alone: its folders, and the account that its hub tools know."""

import streamlit as st

from dashboard import gate


def served_here() -> bool:
    """Whether only this machine reaches the app; paths of it, typed by others, are not looked at."""
    return gate.is_loopback(st.get_option("server.address"))
