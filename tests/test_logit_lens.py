"""The logit lens: at the last layer it is what the model says."""

import numpy as np
import pytest
import torch

from core.errors import ModelError
from core.logit_lens import choice_lens, final_norm
from core.models.catalog import ModelSettings
from core.models.loading import load_model


def test_at_the_last_layer_the_lens_is_the_model_itself(cache, tiny):
    tiny = load_model(ModelSettings(str(tiny)), cache)
    ids = torch.tensor([[5, 9, 11, 3], [8, 2, 7, 4]])
    spellings = [{"choice": 0, "ids": [21]}, {"choice": 0, "ids": [22]}, {"choice": 1, "ids": [33]}]
    with torch.inference_mode():
        found = tiny.model(ids)
        logits = found.logits[:, -1].double().numpy()
        kept = []
        handle = tiny.blocks[-1].register_forward_hook(
            lambda _, __, out: kept.append((out[0] if isinstance(out, tuple) else out)[:, -1].clone())
        )
        tiny.model(ids)
        handle.remove()
    expected = logits[:, 33] - np.logaddexp(logits[:, 21], logits[:, 22])
    assert choice_lens(tiny, spellings)(kept[0].numpy()) == pytest.approx(expected, abs=1e-4)


def test_a_model_without_a_known_norm_is_refused():
    with pytest.raises(ModelError, match="last norm of Linear is not known"):
        final_norm(torch.nn.Linear(2, 2))
