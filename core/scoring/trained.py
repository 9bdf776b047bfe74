"""Where in a prompt and its answer a probe was trained, by token: scores anywhere else are only hints."""

from core.answers import Said

AT_ONE_TOKEN = ("prompt", "before", "answer")
"""Positions whose state is that of one token, so that a token's score there can be read as a probability."""


def trained_places(position: str, prompt: int, content: int, said: Said) -> list[int]:
    """Where in prompt and answer a state of that position stands, by token index.

    Args:
        prompt, content: their lengths in tokens.
        said: its span counts from the answer's first token.
    """
    if position == "prompt":
        return [prompt - 1]
    if position == "mean":
        return list(range(prompt, prompt + content))
    if said.choice is None:
        return []
    return [prompt - 1 + (said.start if position == "before" else said.end)]


def places_after_other_prompt(position: str, prompt: int, content: int, said: Said) -> list[int]:
    """`trained_places` after a prompt that no run asks: the end of such a prompt is none of them."""
    return [] if position == "prompt" else trained_places(position, prompt, content, said)
