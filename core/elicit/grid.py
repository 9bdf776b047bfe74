"""The cells of a grid: every combination that fits the questions and the model, and why the others do not."""

from dataclasses import asdict, dataclass
from itertools import product

from core.elicit.settings import MODES, ElicitSettings
from core.errors import TemplateError
from core.prompts.chat import ChatFormat
from core.prompts.fitting import forms
from core.prompts.modes import wording_of
from core.prompts.templates import Template

OFFERS = ("positive first", "negative first")
"""Choice orders 0 and 1 for people."""


@dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        wording: number of the instruction, in honest and in lie.
        template: a name; form: in which form it asks, `direct` or `claim`.
        system: whether the instruction really stands in the system role.
        order: 0 offers the positive choice first, 1 the negative one; 0 where the template has an order of
            its own.
    """

    wording: int
    template: str
    form: str
    shots: int
    system: bool
    order: int = 0

    @property
    def role(self) -> str:
        """Where the instruction stands, for people."""
        return "system role" if self.system else "user's turn"

    @property
    def offers(self) -> str:
        """Which choice is offered first, for people."""
        return OFFERS[self.order]

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Unfit:
    """A part of the grid that is left out, and why, in a sentence."""

    what: str
    why: str


def lay_out(
    settings: ElicitSettings, choices: tuple[str, str], shows_system: bool
) -> tuple[list[Cell], list[Unfit]]:
    """The cells in a fixed order, and what does not fit.

    An instruction whose place is in the user's turn, and every instruction for a model without a system role,
    makes the same prompts whether the system role is asked for or not: such a cell stands once, under the
    user's turn. A template that does not show the choices in the order asked for stands once too, under 0.

    Args:
        choices: of the questions in direct form, negative first.
        shows_system: whether the model's chat template shows a system message.

    Raises:
        TemplateError: nothing fits; says why the first did not.
    """
    unfit: list[Unfit] = []
    form_of = {}
    for template in settings.templates:
        try:
            form_of[template.name] = _form(template, choices, settings.form)
        except TemplateError as error:
            unfit.append(Unfit(f"template {template.name}", str(error)))
    wordings = []
    for wording in settings.wordings:
        try:
            for mode in MODES:
                wording_of(mode, wording)
            wordings.append(wording)
        except TemplateError as error:
            unfit.append(Unfit(f"wording {wording}", str(error)))
    cells: dict[Cell, None] = {}
    for wording, template, shots, system, order in product(
        wordings, settings.templates, settings.shots, settings.system, settings.orders
    ):
        if template.name in form_of:
            own_role = system and shows_system and wording_of("lie", wording).place == "system"
            shown = order if shows_order(template) else 0
            cells[Cell(wording, template.name, form_of[template.name], shots, own_role, shown)] = None
    if not cells:
        raise TemplateError(f"no cell of the grid fits: {unfit[0].why}")
    if True in settings.system:
        unfit += _without_role(wordings, shows_system)
    if 1 in settings.orders:
        why = "it names its choices in one order whatever is asked for: tried once"
        unfit += [
            Unfit(f"choice order of template {template.name}", why)
            for template in settings.templates
            if template.name in form_of and not shows_order(template)
        ]
    return list(cells), unfit


def shows_order(template: Template) -> bool:
    """Whether a prompt depends on the order in which the choices are to be offered."""
    return bool({"first", "second"} & set(template.slots))


def shows_system(form: ChatFormat) -> bool:
    """Whether an instruction can stand in the system role."""
    return form.chat and form.system


def _form(template: Template, choices: tuple[str, str], wanted: str) -> str:
    fitting = forms(template, choices)
    if wanted == "auto":
        return fitting[0]
    if wanted not in fitting:
        raise TemplateError(f"template {template.name!r} cannot ask these questions in {wanted} form")
    return wanted


def _without_role(wordings: list[int], shows_system: bool) -> list[Unfit]:
    if not shows_system:
        why = "the model's chat format has no system role: instructions stand in the user's turn"
        return [Unfit("system role", why)]
    inside = [wording for wording in wordings if wording_of("lie", wording).place != "system"]
    if not inside:
        return []
    names = ", ".join(map(str, inside))
    why = "its place is in the user's turn, whatever the role: tried there alone"
    return [Unfit(f"system role of wording {names}", why)]
