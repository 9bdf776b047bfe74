"""What a run's facts say of the model that answered, and of the spellings that its answers were read by."""

from core.answers import Reader
from core.models.adapters import first_adapted_block
from core.models.loading import LoadedModel


def model_facts(loaded: LoadedModel) -> dict:
    """The model, its content and adapter, the shape of its states and what it computed in."""
    return {
        "model": loaded.name,
        "model_content": loaded.fingerprint,
        "adapter": loaded.settings.adapter_name,
        "first_block": first_adapted_block(loaded.settings.adapter_folder),
        "layers": loaded.layers,
        "d_model": loaded.d_model,
        "dtype": str(loaded.dtype).removeprefix("torch."),
    }


def spelling_facts(reader: Reader | None) -> list[dict]:
    """Every spelling of the reader's choices; none where there is no reader, as for open questions."""
    return [
        {"choice": s.choice, "ids": list(s.ids), "text": s.text, "token": s.token}
        for s in (reader.spellings if reader else ())
    ]
