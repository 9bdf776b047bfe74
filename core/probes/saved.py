"""Probes that people keep by name: what they were trained on and how they were judged goes with them.

A probe is of one model: its directions mean nothing in the states of another, and it refuses them.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from core.engine.decoding import POSITIONS
from core.errors import ModelError, ProbeError
from core.models.catalog import of_one_model
from core.probes.bundle import FittedProbe, facts_of
from core.probes.by_layer import ProbeReport
from core.probes.rows import CONTRAST, TARGETS
from core.shown import listed, named, quoted
from core.store.runs import Run, now

SUFFIX = ".safetensors"
LONGEST_NAME = 100
LONGEST_FACT = 300
"""Characters of a text among the facts of a probe from elsewhere."""
OF_A_MODEL = ("model", "layers", "d_model")


def with_origin(report: ProbeReport, run: Run, judged: Run) -> FittedProbe:
    """A report's probe, with what it was trained on and how it was judged among its facts.

    Args:
        run: that it was trained on; judged: whose test questions judged it.
    """
    found = report.chosen.test
    origin = {name: run.facts[name] for name in (*OF_A_MODEL, "model_content")}
    origin |= {
        "run": run.run,
        "test_run": judged.run,
        "choices": list(run.facts["choices"]),
        "rule": report.settings.rule,
        "seed": report.settings.seed,
        "test": report.settings.test,
        "n_train": report.n_train,
        "n_test": found.n,
        "auroc": found.auroc,
        "auroc_ci": list(found.ci),
    }
    return replace(report.bundle, facts=report.bundle.facts | origin)


def check_model(probe: FittedProbe, run: Run, name: str = "this probe") -> None:
    """Raise `ProbeError` where a probe is of another model than a run; another adapter may be scored."""
    if not of_one_model(probe.facts, run.facts):
        told = named(probe.facts.get("model", "a model that it does not name"))
        raise ProbeError(
            f"{name} was trained on {told} and run {run.run} is of {named(run.facts['model'])}: a probe "
            "reads the states of its own model alone"
        )


def check_facts(probe: FittedProbe) -> None:
    """Refuse a probe from elsewhere whose facts are lacking, or are not those of its arrays.

    Raises:
        ProbeError: names the fact.
    """
    facts = probe.facts
    if lacking := [fact for fact in ("target", "position", *OF_A_MODEL) if fact not in facts]:
        raise ProbeError(f"the file does not say the probe's {', '.join(lacking)}")
    for name, value in facts.items():
        if isinstance(value, str) and (len(value) > LONGEST_FACT or not value.isprintable()):
            raise ProbeError(f"the file says of the probe's {named(name)}: {quoted(value)}, which is no name")
    for name, known in (("target", TARGETS), ("position", (*POSITIONS, CONTRAST))):
        if facts[name] not in known:
            raise ProbeError(f"the probe's {name} is {quoted(facts[name])}: known are {listed(known)}")
    if not isinstance(facts["model"], str) or (facts["layers"], facts["d_model"]) != probe.vectors.shape:
        raise ProbeError(
            f"the file says that its model is {quoted(facts['model'])}, of {quoted(facts['layers'])} layers "
            f"of {quoted(facts['d_model'])}, and its directions are {probe.vectors.shape[0]} of "
            f"{probe.vectors.shape[1]}"
        )


def check_one_state(position: str, use: str) -> None:
    """Refuse a probe of contrast pairs where single states are to be scored.

    Args:
        use: what the probe is to be, in words.

    Raises:
        ProbeError: the position is `contrast`.
    """
    if position == CONTRAST:
        raise ProbeError(
            f"a probe of contrast pairs cannot be {use}: it reads a question continued with both of its "
            "choices, and no single state; choose another method"
        )


def in_words(facts: dict) -> str:
    """What a probe is of and how it was judged, as far as it says: an export may leave anything out."""
    told = (
        f"{facts.get('method')} probe of {facts.get('target')} at {facts.get('position')}, layer "
        f"{facts.get('layer')}, trained on {facts.get('train')} answers of run {facts.get('run')}"
    )
    try:
        low, high = facts["auroc_ci"]
        return (
            f"{told}; on held-out {facts['test']} answers AUROC {facts['auroc']:.3f} ({low:.3f} to "
            f"{high:.3f}, n {facts['n_test']:,})"
        )
    except (KeyError, TypeError, ValueError):
        return f"{told}; it does not say how it was judged"


class SavedProbes:
    """The kept probes of a cache folder, one safetensors file each."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "probes"

    def save(self, name: str, probe: FittedProbe) -> Path:
        """Keep a probe; an earlier one of that name is replaced.

        Raises:
            ProbeError: the name is empty, too long or not to be seen, or see `check_one_state`.
        """
        check_one_state(probe.facts["position"], "kept")
        name = name.strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise ProbeError(f"a probe's name has 1 to {LONGEST_NAME} characters, not {len(name)}")
        if not name.isprintable():
            raise ProbeError(f"the name {quoted(name)} holds what cannot be seen: leave that out")
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(name)
        replace(probe, facts=probe.facts | {"name": name, "saved": now()}).save(path)
        return path

    def add(self, content: bytes, name: str = "") -> str:
        """Keep a probe that was exported elsewhere, under a name or its own; gives the name.

        Raises:
            ProbeError: it is no probe, what it says of itself cannot be, or it says neither its model nor,
                where none is given, its name.
        """
        probe = FittedProbe.from_bytes(content, "the file")
        check_facts(probe)
        name = name or str(probe.facts.get("name", ""))
        self.save(name, probe)
        return name.strip()

    def facts(self) -> dict[str, dict]:
        """What each kept probe says of itself, by name; a damaged file is left out."""
        found = {}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                facts = facts_of(path)
                found[str(facts["name"])] = facts
            except (ModelError, ValueError, KeyError):
                continue
        return dict(sorted(found.items()))

    def of_model(self, run: Run) -> list[str]:
        """The names of the kept probes that a run's states can be scored with."""
        return [name for name, facts in self.facts().items() if of_one_model(facts, run.facts)]

    def load(self, name: str) -> FittedProbe:
        """A kept probe.

        Raises:
            ProbeError: there is none of that name, or its file is damaged.
        """
        path = self._path(name)
        if not path.is_file():
            known = listed(list(self.facts())) or "none are kept yet"
            raise ProbeError(f"there is no saved probe {quoted(name)}: {known}")
        return FittedProbe.load(path)

    def delete(self, name: str) -> None:
        """Delete a kept probe; one that is not there is no mistake."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        digest = hashlib.sha256(name.strip().encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / f"{digest[:16]}{SUFFIX}"
