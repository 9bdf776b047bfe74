"""Scores what people type: as text that the model reads, and as a turn forced into its own mouth."""

from core.data.statements import Statement, parse_statements
from core.scoring.asking import Asking, asking_of, label_names, statement_question
from core.scoring.results import AsRead, OwnTurn, SetArea, StatementScores, TokenScores
from core.scoring.score import score_statements

__all__ = [
    "AsRead",
    "Asking",
    "OwnTurn",
    "SetArea",
    "Statement",
    "StatementScores",
    "TokenScores",
    "asking_of",
    "label_names",
    "parse_statements",
    "score_statements",
    "statement_question",
]
