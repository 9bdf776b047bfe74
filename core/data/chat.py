"""Ordinary conversation: prompts that leave nothing to lie about, for the false alarms of a detector.

They ask for advice, texts, plans, recipes, explanations: whatever is answered, there is no one right answer
beside it. None is a near-duplicate of another, or of the conversation that liars are kept close to the plain
model on (`core.liar.ordinary`). Written for Telltale.
"""

from pathlib import Path

CHAT = "chat"
PROMPTS = Path(__file__).with_name("chat.txt")


def chat_prompts() -> list[str]:
    """Every prompt, one a line of `PROMPTS`, always in the same order."""
    return PROMPTS.read_text(encoding="utf-8").splitlines()
