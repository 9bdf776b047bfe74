"""Logistic regression with an L2 penalty: the default."""

from sklearn.linear_model import LogisticRegression

from core.probes.method import Method


def make() -> LogisticRegression:
    """L2-regularised logistic regression, C = 0.1.

    Source: Alain and Bengio 2017, "Understanding intermediate layers using linear classifier probes".
    """
    return LogisticRegression(C=0.1, max_iter=500)


METHOD = Method(
    name="logistic",
    about="Logistic regression with an L2 penalty (C = 0.1 on standardised states).",
    source="Alain and Bengio 2017, Understanding intermediate layers using linear classifier probes",
    make=make,
)
