"""How questions and templates fit: which form a template can ask in, which template suits which labels.

One rule for the page and the command line. A template's choices answer to the questions' own by their place,
negative to negative, whatever they are called; `correspondence` says so where the names differ.
"""

from core.data.claims import CHOICES as TRUTH
from core.errors import TemplateError
from core.prompts.templates import Template

SUITED = {("Negative", "Positive"): "review", TRUTH: "true-false", ("No", "Yes"): "yes-no"}


def default_template(choices: tuple[str, str]) -> str:
    """The built-in template for questions with these choices; `yes-no` asks about any label by its name."""
    return SUITED.get(choices, "yes-no")


def forms(template: Template, choices: tuple[str, str]) -> tuple[str, ...]:
    """The forms in which the template can ask about questions with these choices, the usual one first.

    Statements are not put into a second claim unless the template says {claim}; labels that are not False and
    True become claims where True or False is asked.

    Args:
        choices: of the questions in direct form, negative first.

    Raises:
        TemplateError: the questions would have to be claims, and the template shows none.
    """
    shows_claim = bool({"statement", "claim"} & set(template.slots))
    if template.asks_for_truth and choices != TRUTH and not shows_claim:
        raise TemplateError(
            f"template {template.name!r} asks whether a statement is true, and the questions are labelled "
            f"{choices[0]}/{choices[1]}: show their claim with {{statement}} or {{claim}}, or choose another"
        )
    if "claim" in template.slots or (template.asks_for_truth and choices != TRUTH):
        return ("claim",)
    return ("direct", "claim") if shows_claim and choices != TRUTH else ("direct",)


def correspondence(template: Template, choices: tuple[str, str]) -> str | None:
    """Which answer stands for which label, such as "ham ↔ No, spam ↔ Yes"; None where they are the same.

    Args:
        choices: of the questions as they are asked: False and True in claim form.
    """
    if template.choices == choices:
        return None
    return ", ".join(f"{label} ↔ {answer}" for label, answer in zip(choices, template.choices, strict=True))
