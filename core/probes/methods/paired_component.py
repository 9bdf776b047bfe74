"""Paired component: the axis along which a question's states under lie and under honest differ the most."""

import numpy as np

from core.probes.method import Method
from core.probes.pairs import PAIRED_SIGN, PairedProbe


class PairedComponent(PairedProbe):
    """The first principal component of the differences lie minus honest, about 0 and not about their mean.

    About 0: RepE orders each pair at random before its PCA, which has this in expectation, and repeng's
    "pca_center" puts both members of a pair about their middle, which is this. An axis that the differences
    follow in both senses (such as the choice given, which a liar turns either way) is found too.

    Source: Zou et al. 2023, "Representation Engineering" (linear artificial tomography); repeng.

    Attributes:
        coef_: the axis, (1, d), of length 1; intercept_: (1,). Their sign is set by the labels.
    """

    def _vector(self, found: np.ndarray) -> np.ndarray:
        _, lengths, axes = np.linalg.svd(found, full_matrices=False)
        return axes[0] if lengths[0] > 0 else np.zeros(found.shape[1])


METHOD = Method(
    name="paired-component",
    about="The axis along which one question's states under lie and under honest differ most.",
    source="Zou et al. 2023, Representation Engineering; repeng",
    make=PairedComponent,
    needs="pairs",
    targets=("said", "said_true", "lie", "mode"),
    sign=PAIRED_SIGN,
)
