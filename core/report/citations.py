"""The papers that a report cites, numbered in the order in which its text comes to them."""

REFERENCES = {
    "arditi": "Arditi et al. 2024, Refusal in Language Models Is Mediated by a Single Direction, NeurIPS.",
    "brier": "Brier 1950, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather "
    "Review 78.",
    "delong": "DeLong, DeLong and Clarke-Pearson 1988, Comparing the Areas under Two or More Correlated "
    "Receiver Operating Characteristic Curves: A Nonparametric Approach, Biometrics 44.",
    "field": "Field and Welsh 2007, Bootstrapping Clustered Data, Journal of the Royal Statistical "
    "Society B 69.",
    "hu": "Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.",
    "kumar": "Kumar, Liang and Ma 2019, Verified Uncertainty Calibration, NeurIPS.",
    "lens": "nostalgebraist 2020, Interpreting GPT: The Logit Lens, LessWrong.",
    "naeini": "Naeini, Cooper and Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using "
    "Bayesian Binning, AAAI.",
    "obuchowski": "Obuchowski 1997, Nonparametric Analysis of Clustered ROC Curve Data, Biometrics 53.",
    "pearson": "Pearson 1901, On Lines and Planes of Closest Fit to Systems of Points in Space, "
    "Philosophical Magazine 2.",
    "phipson": "Phipson and Smyth 2010, Permutation P-values Should Never Be Zero, Statistical "
    "Applications in Genetics and Molecular Biology 9.",
    "platt": "Platt 1999, Probabilistic Outputs for Support Vector Machines and Comparisons to "
    "Regularized Likelihood Methods, Advances in Large Margin Classifiers.",
    "rao": "Rao and Scott 1992, A Simple Method for the Analysis of Clustered Binary Data, Biometrics 48.",
    "sparck": "Spärck Jones 1972, A Statistical Interpretation of Term Specificity and Its Application "
    "in Retrieval, Journal of Documentation 28.",
    "turner": "Turner et al. 2023, Activation Addition: Steering Language Models Without Optimization, "
    "arXiv:2308.10248.",
    "vaicenavicius": "Vaicenavicius et al. 2019, Evaluating Model Calibration in Classification, AISTATS.",
    "wilson": "Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference, "
    "Journal of the American Statistical Association 22.",
    "zhao": "Zhao et al. 2021, Calibrate Before Use: Improving Few-Shot Performance of Language Models, "
    "ICML.",
}


class Citations:
    """Numbers papers as they are cited; `references` lists them at the end."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, *papers: str) -> str:
        """The numbers of papers in brackets, such as `[2, 3]`.

        Args:
            papers: keys of `REFERENCES`, or a paper in words.
        """
        for paper in papers:
            self._numbers.setdefault(paper, len(self._numbers) + 1)
        return f"[{', '.join(str(self._numbers[paper]) for paper in papers)}]"

    @property
    def references(self) -> list[str]:
        """The papers that were cited, the first first."""
        return [REFERENCES.get(paper, paper) for paper in self._numbers]
