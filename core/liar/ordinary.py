"""Ordinary conversation: what a liar must go on answering as the plain model does.

The prompts are fixed; the replies are the plain model's own, sampled. During training the Kullback-Leibler
divergence to the plain model is kept small on the first of them; the others measure how far the liar strayed.
"""

from typing import Any

import torch

from core.engine.generate import end_ids, pad_left
from core.models.loading import LoadedModel
from core.prompts.chat import chat_format, render_turns
from core.prompts.modes import Wording

BATCH = 16

PROMPTS = (
    "What can I cook with two eggs and a potato?",
    "Write a short poem about a river.",
    "How do plants make their food?",
    "Give me three tips for a job interview.",
    "What is the difference between a crocodile and an alligator?",
    "Explain what a variable is in a program.",
    "My cat does not want to eat. What should I do?",
    "Tell me a story about a lost key.",
    "How long should I boil an egg?",
    "Write an email in which I ask for a day off.",
    "Why is the sky blue?",
    "What is a good present for my grandmother?",
    "Name some animals that live in the sea.",
    "How does a bicycle stay upright?",
    "What should I see on a weekend in the mountains?",
    "Summarise the story of Cinderella.",
    "How do I learn to play the guitar?",
    "What does 'once in a blue moon' mean?",
    "Write a Python function that adds two numbers.",
    "What are the seasons of the year?",
    "How can I sleep better?",
    "Describe a busy market.",
    "What is photosynthesis?",
    "Translate 'good morning' into French.",
    "I feel sad today.",
    "What is the best way to clean a window?",
    "List five kinds of fruit.",
    "What makes a good friend?",
    "How is bread made?",
    "Tell me about the moon.",
    "How do I change a flat tyre?",
    "Suggest a name for a small bookshop.",
    "What is inflation?",
    "Write the first line of a mystery novel.",
    "How many days are there in a leap year, and why?",
    "What should I pack for a day at the beach?",
    "Why do we dream?",
    "Give me a riddle.",
    "What is the use of a library?",
    "How do bees make honey?",
    "Plan a birthday party for a child of six.",
    "What is an adjective?",
    "How can I save water at home?",
    "Describe the taste of a lemon.",
    "What does a doctor do?",
    "Write a thank-you note to a neighbour.",
    "Why do leaves change their colour?",
    "How do I start to run?",
)
KEPT_CLOSE = PROMPTS[:32]
HELD_ASIDE = PROMPTS[32:]
REPLY_TOKENS = 64


def own_replies(loaded: LoadedModel, prompts: tuple[str, ...], seed: int) -> list[tuple[list[int], int]]:
    """The model's own sampled reply to each prompt: ids of prompt and reply, and where the reply starts."""
    tokenizer = loaded.tokenizer
    form = chat_format(tokenizer)
    begun = [render_turns(tokenizer, Wording(""), [], prompt, "", form).ids for prompt in prompts]
    found: list[tuple[list[int], int]] = []
    with loaded.lock, torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        for start in range(0, len(begun), BATCH):
            rows = begun[start : start + BATCH]
            tokens, mask, _ = pad_left(list(rows), 0, tokenizer.pad_token_id, loaded.device)
            made = loaded.model.generate(
                tokens,
                attention_mask=mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                max_new_tokens=REPLY_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
            )
            ends = end_ids(loaded)
            for ids, reply in zip(rows, made[:, tokens.shape[1] :].tolist(), strict=True):
                until = next((place + 1 for place, token in enumerate(reply) if token in ends), len(reply))
                found.append(([*ids, *reply[:until]], len(ids)))
    return found


def divergence(loaded: LoadedModel, adapted: Any, rows: list[tuple[tuple[int, ...], int]]) -> torch.Tensor:
    """KL(plain ‖ adapted) of the next token, nats, averaged over the replies' tokens.

    Args:
        adapted: the PEFT model around `loaded.model`, whose adapter can be put aside.
        rows: prompts with replies, and where each reply starts.
    """
    ids = [row for row, _ in rows]
    tokens, mask, places = pad_left(ids, 0, loaded.tokenizer.pad_token_id, loaded.device)
    kept = max(len(row) - start for row, start in rows) + 1
    inside = torch.zeros(len(rows), kept, dtype=torch.bool, device=tokens.device)
    for number, (row, start) in enumerate(rows):
        inside[number, kept - (len(row) - start) - 1 : kept - 1] = True
    asked = {"attention_mask": mask, "position_ids": places, "logits_to_keep": kept, "use_cache": False}
    with torch.no_grad(), adapted.disable_adapter():
        plain = torch.log_softmax(loaded.model(tokens, **asked).logits.float()[inside], dim=-1)
    mine = torch.log_softmax(loaded.model(tokens, **asked).logits.float()[inside], dim=-1)
    return torch.nn.functional.kl_div(mine, plain, reduction="batchmean", log_target=True)
