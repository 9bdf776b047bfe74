"""Models on the hub: judged by what the hub says of them before anything large is fetched, kept in the cache.

Unreachable hubs are told within seconds: the first question to the hub is asked once, with a time limit.
"""

from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.catalog import TOKENIZER_FILES, check_config
from core.shown import named, quoted

PATIENCE = 10
SMALL = ("*.json", "*.jinja", "*.txt", "tokenizer.model", "spiece.model")
PICKLES = (".bin", ".pt", ".pth")


def fetch_model(name: str, cache: Path, weights: bool = True) -> Path:
    """The folder of a hub model in the cache, fetched where it is not there; what is there needs no network.

    Args:
        weights: False for its configuration and tokenizer alone.

    Raises:
        ModelError: the id is unknown, the hub out of reach, or the model one that Telltale refuses.
    """
    from huggingface_hub import HfApi, errors, snapshot_download

    wanted: dict[str, Any] = {
        "cache_dir": cache / "models" / "hub",
        "allow_patterns": [*SMALL, "*.safetensors"] if weights else list(SMALL),
        "token": None,
    }
    try:
        _check_listing(name, HfApi().model_info(name, timeout=PATIENCE))
        return Path(snapshot_download(name, **wanted))
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{named(name)} is gated: ask for access on its page and log in with `hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"the hub has no model {quoted(name)}, and there is no folder of that name"
        ) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{quoted(name)} is neither a folder nor a hub id such as owner/name") from error
    except (OSError, ValueError, errors.HTTPError) as error:
        try:
            return Path(snapshot_download(name, local_files_only=True, **wanted))
        except (OSError, ValueError):
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ModelError(
                f"there is no folder {quoted(name)}, and the hub cannot be reached for it "
                f"({named(reason, 200)})"
            ) from error


def _check_listing(name: str, info: Any) -> None:
    """Refuse by the hub's own listing what would be refused after fetching."""
    check_config(info.config or {}, name)
    files = [entry.rfilename for entry in info.siblings or []]
    if not any(file.endswith(".safetensors") for file in files):
        if any(file.endswith(PICKLES) for file in files):
            raise ModelError(
                f"{name} holds pickled weights only, which can run code: choose one in safetensors"
            )
        raise ModelError(f"{name} holds no safetensors weights")
    if not set(files) & set(TOKENIZER_FILES):
        raise ModelError(f"{name} has no tokenizer")
