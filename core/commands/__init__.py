"""What each command does: plain calls of core's functions, giving (object for --json, text for people)."""

from core.commands.controls import controls
from core.commands.decisions import decisions
from core.commands.doctor import doctor
from core.commands.elicit import elicit
from core.commands.harvest import harvest
from core.commands.lie_score import lie_score
from core.commands.models import models, train_liar
from core.commands.probing import probe, probes, score
from core.commands.read_or_said import read_or_said
from core.commands.runs import export, runs
from core.commands.shifts import shifts
from core.commands.steer import steer
from core.commands.sweep import sweep
from core.commands.tokens import calibration, tokens
from core.commands.transfer import transfer

__all__ = [
    "calibration",
    "controls",
    "decisions",
    "doctor",
    "elicit",
    "export",
    "harvest",
    "lie_score",
    "models",
    "probe",
    "probes",
    "read_or_said",
    "runs",
    "score",
    "shifts",
    "steer",
    "sweep",
    "tokens",
    "train_liar",
    "transfer",
]
