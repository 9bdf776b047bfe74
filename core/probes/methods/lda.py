"""Linear discriminant analysis with a shrunken covariance."""

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from core.probes.method import Method


def make() -> LinearDiscriminantAnalysis:
    """LDA whose covariance is shrunk, fit for more features than answers.

    Source: Fisher 1936, "The use of multiple measurements in taxonomic problems"; the shrinkage: Ledoit and
    Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".
    """
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


METHOD = Method(
    name="lda",
    about="Linear discriminant analysis, its covariance shrunk as Ledoit and Wolf do.",
    source="Fisher 1936; Ledoit and Wolf 2004, A well-conditioned estimator for large covariance matrices",
    make=make,
)
