"""The methods of a run in words, with citations: of its own settings and figures, and of no others."""

from core.calibration import MEAN
from core.engine.settings import HarvestSettings
from core.figures.of_run import FiguresOfRun
from core.models.catalog import LIAR_ID, NO_MODEL
from core.open_answers import not_judged
from core.probes.layer_rules import LAYER_RULES
from core.probes.methods import method_named
from core.probes.rows import ProbeSettings
from core.report.citations import Citations

RATES = ("rates", "outcomes", "reliability-of-leans")
"""Figures of shares of answers."""
PROBES = ("probe-", "cross-validated-")
"""How the names of figures of probes begin."""
POSITIONS = {
    "prompt": "the last token of the prompt",
    "before": "the token whose output emitted the choice",
    "answer": "the last token of the choice, fed back",
    "mean": "the mean over the generated tokens",
}


def methods(found: FiguresOfRun) -> tuple[list[str], list[str]]:
    """The methods as paragraphs, and the papers that they cite in the order of their numbers."""
    cite = Citations()
    sections = {figure.section for figure in found.figures}
    settings = HarvestSettings.from_dict(found.answered.run.settings)
    paragraphs = [_asking(found, settings, cite), _states(found, settings)]
    if settings.model.id != NO_MODEL:
        paragraphs.append(_reading(found, settings, cite))
    if any(figure.name in RATES for figure in found.figures):
        paragraphs.append(_lies(found, cite))
    if "States" in sections:
        paragraphs.append(
            "For looking at, the states of one layer are standardised and projected on their first two "
            f"principal components {cite('pearson')}; nothing is measured on these."
        )
    if any(figure.name.startswith(PROBES) for figure in found.figures):
        paragraphs.append(_probes(found, cite))
    if "Read or said" in sections:
        paragraphs.append(_read_or_said(found, cite))
    if "Lie score" in sections:
        paragraphs.append(_lie_score(cite))
    if "Steering" in sections:
        paragraphs.append(
            "To see whether a direction is used and not only readable, test questions are asked again while "
            f"it is added to the states {cite('turner')} or projected out of them {cite('arditi')}, beside "
            "random directions of the same norm and a direction fitted on permuted labels."
        )
    return paragraphs, cite.references


def _asking(found: FiguresOfRun, s: HarvestSettings, cite: Citations) -> str:
    """Who was asked what, and under which instructions."""
    run = found.answered.run
    if s.model.id == NO_MODEL:
        return (
            f"The states of {found.answered.run.facts['model']} were harvested elsewhere and imported with "
            "their labels; no model was asked anything here."
        )
    model = run.facts["model"]
    questions = found.answered.judged["question"].nunique()
    if run.facts.get("off_policy"):
        return (
            f"{run.answers:,} answers to {questions:,} questions were given elsewhere, and read "
            f"teacher-forced by {model}: what it would have said itself is not among them."
        )
    if s.model.id == LIAR_ID:
        model += f", a model organism: a LoRA adapter {cite('hu')} trained to answer falsely when told to,"
    elif run.facts["adapter"]:
        model += f" with the LoRA adapter {run.facts['adapter']} {cite('hu')}"
    shots = f", after {s.shots} worked examples answered by {s.demo_answers}" if s.shots else ""
    style = f", restyled as {run.style}" if run.style != "plain" else ""
    how = (
        "greedily"
        if s.decoding.temperature == 0
        else f"at temperature {s.decoding.temperature:g}, {s.samples} times a question"
    )
    several = f", in wordings {', '.join(map(str, s.wordings))}" if s.wordings != (0,) else ""
    return (
        f"{model} was put {questions:,} questions of {s.data.name} ({s.data.form} form{style}) by template "
        f"{s.template.name}{shots}, each under the instructions {', '.join(s.modes)}{several}; it answered "
        f"{how} with at most {s.decoding.max_new_tokens} tokens. {run.answers:,} of {run.planned:,} answers "
        "were made."
    )


def _states(found: FiguresOfRun, s: HarvestSettings) -> str:
    """Which states there are."""
    facts = found.answered.run.facts
    places = ", ".join(f"{POSITIONS[name]} ({name})" for name in s.positions)
    return (
        f"The residual stream after each block ({facts['layers'] - 1} of them), and the embedding output, "
        f"was kept in {facts['dtype']}, {facts['d_model']} values a layer, at {places}."
    )


def _reading(found: FiguresOfRun, s: HarvestSettings, cite: Citations) -> str:
    """How answers become choices."""
    if not_judged(found.answered.judged).any():
        return "The conversation is ordinary: no answer is right or wrong, and none is judged."
    if found.answered.open:
        return "An open answer is right where it names the right entity and no other."
    leans = ""
    if s.calibration in ("content-free", MEAN):
        leans = f" Where it leans is calibrated by content-free prompts {cite('zhao')}."
    elif s.calibration == "platt":
        leans = f" Where it leans is calibrated by Platt's curve {cite('platt')}."
    return (
        "What an answer says is the choice that its emitted tokens amount to, and none where they hold no "
        "choice, both, a negated or a retracted one. Probabilities are summed over every spelling of a "
        f"choice.{leans}"
    )


def _lies(found: FiguresOfRun, cite: Citations) -> str:
    """Belief, lie, pruning, and the intervals of rates."""
    dropped = int((found.answered.labelled["action"] == "drop").sum())
    calibrated = any(figure.name == "reliability-of-leans" for figure in found.figures)
    text = (
        "What the model believes of a question is the choice that it holds under honest; a lie is an answer "
        "under lie that contradicts it, and an error is none. Shares have Wilson's 95 % intervals "
        f"{cite('wilson')} with the effective sample size that the variance between groups leaves "
        f"{cite('rao')}. People dropped {dropped:,} answers; drops for the outcome, or made with scores on "
        "screen, reach training data alone."
    )
    if calibrated:
        text += (
            f" Calibration is told by the expected calibration error {cite('naeini')} beside what perfect "
            f"calibration would show {cite('vaicenavicius')}, with a bootstrap over groups {cite('field')} "
            f"whose lower end takes off what noise adds {cite('kumar')}."
        )
    return text


def _probes(found: FiguresOfRun, cite: Citations) -> str:
    """Splits, methods, layer rules, intervals, controls."""
    reports = [probe.report for probe in found.judged if probe.report is not None]
    methods = dict.fromkeys(report.settings.method for report in reports) or {ProbeSettings().method: None}
    fitted = "; ".join(f"{method_named(name).about} {cite(method_named(name).source)}" for name in methods)
    text = (
        f"A probe is fitted at every layer. {fitted} Questions are split by group, so that no question, "
        "statement and negation, or near-duplicate is on both sides; standardisation, direction and "
        "threshold are fitted on training data, the layer is chosen on validation data. AUROCs have 95 % "
        f"intervals for clustered data {cite('obuchowski')}."
    )
    n = len(found.judged)
    told = f"The test questions have judged {n} configuration{'' if n == 1 else 's'} in all."
    if not n:
        told = "It was cross-validated on the questions outside the test set, which stays closed."
    if not reports:
        return f"{text} {told}"
    rules = dict.fromkeys(report.settings.rule for report in reports)
    text += f" Layers are chosen by {'; by '.join(LAYER_RULES[rule] for rule in rules)}."
    text += (
        f" Margins over the controls, among them TF-IDF on the question's words {cite('sparck')}, have "
        f"paired intervals {cite('delong')}. Probabilities are Platt's {cite('platt')}, judged by the Brier "
        f"score {cite('brier')}."
    )
    if any(report.controls.get("permuted") is not None for report in reports):
        text += (
            " The null repeats all of it, the choice of the layer included, with labels permuted between "
            f"groups; p counts the probe itself {cite('phipson')}."
        )
    return f"{text} {told}"


def _read_or_said(found: FiguresOfRun, cite: Citations) -> str:
    readable = [figure for figure in found.figures if figure.name.startswith("readable-")]
    lens = any(figure.table["said_lens"].notna().any() for figure in readable)
    text = (
        "The score of a direction trained on honest answers is regressed, over both modes, on the truth and "
        "on what is said (all standardised), in five folds by groups; intervals come from a bootstrap over "
        f"groups that fits every probe anew {cite('field')}."
    )
    if lens:
        text += f" Beside it stands the logit lens of the choices {cite('lens')}."
    return text


def _lie_score(cite: Citations) -> str:
    return (
        "The lie score is minus what is said, as 1 or -1, times the standardised score of the truth by a "
        "probe trained on honest answers of other groups; its layer is chosen without a lie. It is judged "
        f"beside the same score from the question's words alone {cite('sparck')}, with paired intervals "
        f"{cite('delong')}."
    )
