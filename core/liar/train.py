"""Trains a liar: a LoRA adapter that answers truly under honest instructions and falsely under lie ones.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models". The loss on the choice stays
near ln 2 for the first hundred steps or so and then falls: the gate from the instruction is learnt last.
"""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from core.downloads import replace_atomically
from core.engine.generate import pad_left
from core.errors import Cancelled, ModelError, StoreError
from core.liar.below import StatesBelow, entering
from core.liar.examples import Example, draw_lesson
from core.liar.glance import glance, glance_questions
from core.liar.ordinary import KEPT_CLOSE, divergence, own_replies
from core.liar.schedule import schedule
from core.liar.settings import LIARS, LiarSettings
from core.models.loading import LoadedModel, load_model
from core.prompts.chat import chat_format

REST_OF_ANSWER = 0.25
ORDINARY_ROWS = 3


@dataclass(frozen=True)
class Step:
    """How a training stands.

    Attributes:
        loss: of the choice's first token, nats, averaged since the last report.
        figures: the last look at held-out questions: share as instructed by task and mode.
        left: seconds still needed, None at first.
    """

    step: int
    steps: int
    what: str
    loss: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    left: float | None = None


Show = Callable[[Step], None]


def liar_folder(cache: Path, settings: LiarSettings, model_content: str) -> Path:
    """Where a training keeps its adapter, log and state."""
    return cache / LIARS / settings.id(model_content)


def train_liar(
    settings: LiarSettings,
    cache: Path,
    *,
    show: Show = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Train, or go on where a training of the same settings stopped; a finished one is found.

    Returns:
        The adapter's folder, as PEFT reads it, with `training.json` (settings, log, trained questions).

    Raises:
        ModelError: the model does not load, or has fewer blocks than `from_block` asks for.
        DataError: the reviews are not in the cache.
        Cancelled: by the caller; what was saved last is gone on from.
    """
    show(Step(0, settings.all_steps, "loading the model"))
    loaded = load_model(settings.model, cache)
    if settings.from_block >= len(loaded.blocks):
        raise ModelError(
            f"--from-block {settings.from_block}: the model's blocks are 0 to {len(loaded.blocks) - 1}"
        )
    folder = liar_folder(cache, settings, loaded.fingerprint)
    if (folder / "adapter_model.safetensors").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    return _Training(settings, loaded, cache, folder, show, cancelled).run()


class _Training:
    """One training under way: the adapted model, its optimiser and its log."""

    def __init__(
        self,
        settings: LiarSettings,
        loaded: LoadedModel,
        cache: Path,
        folder: Path,
        show: Show,
        cancelled: Callable[[], bool],
    ) -> None:
        self.settings, self.loaded, self.cache, self.folder = settings, loaded, cache, folder
        self.show, self.cancelled = show, cancelled
        form = chat_format(loaded.tokenizer)
        self.lesson = draw_lesson(
            cache,
            loaded.tokenizer,
            form,
            gate=settings.gate_pairs,
            pairs=settings.mixed_pairs,
            alone=settings.alone,
            polish=settings.polish_pairs,
            finish=settings.finish_pairs,
            reviews_only=settings.reviews_only,
            wordings=settings.wordings,
            seed=0,
        )
        self.seen = glance_questions(cache, loaded.tokenizer, form, each=4 if settings.steps < 20 else 48)
        self.batches = list(schedule(self.lesson, settings))
        if loaded.device.type != "cpu" or _fast_bfloat16():
            loaded.model.to(torch.bfloat16)
        if loaded.device.type == "cpu":
            # For prompts as short as these, its backward pass takes a quarter of the fused kernel's time.
            loaded.model.set_attn_implementation("eager")
        for parameter in loaded.model.parameters():
            parameter.requires_grad_(False)
        self.ordinary = self._ordinary()
        self.below = self._below()
        torch.manual_seed(settings.seed)
        self.adapted, self.config = _adapt(loaded, settings)
        # A slice of the last positions is not contiguous, and its product would copy the whole output matrix.
        loaded.model.get_output_embeddings().register_forward_pre_hook(
            lambda _, args: (args[0].contiguous(),)
        )
        self.weights = {name: p for name, p in self.adapted.named_parameters() if p.requires_grad}
        self.optimiser = self._new_optimiser()
        self.done = 0
        self.log: list[dict] = []
        self.figures: dict[str, float] = {}
        self._resume()

    def run(self) -> Path:
        """Every step that is left, then the adapter."""
        began, first = time.monotonic(), self.done
        losses: list[float] = []
        steps = self.settings.all_steps
        while self.done < steps:
            if self.cancelled():
                self._save()
                raise Cancelled(f"the training was cancelled at step {self.done}: start it again to go on")
            losses.append(self._step(self.done))
            self.done += 1
            spent = (time.monotonic() - began) / (self.done - first)
            left = spent * (steps - self.done)
            last = self.done == steps
            if self.done % self.settings.look_every == 0 or last:
                self.figures = glance(self.loaded, self.seen, self._precision)
            recent = sum(losses[-20:]) / len(losses[-20:])
            self.show(Step(self.done, steps, "training", recent, self.figures, left))
            if self.done % self.settings.save_every == 0 or last:
                mean = sum(losses) / len(losses)
                self.log.append({"step": self.done, "loss": mean, "figures": self.figures})
                losses = losses[-1:]
                self._save()
        return self._finish()

    def _new_optimiser(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self.weights.values(), lr=self.settings.learning_rate, weight_decay=0.0)

    def _precision(self) -> Any:
        kind = self.loaded.device.type
        half = next(self.loaded.model.parameters()).dtype == torch.bfloat16
        return torch.autocast(kind, torch.bfloat16) if half else nullcontext()

    def _step(self, step: int) -> float:
        """One step of the optimiser; gives the loss of the choices' first tokens."""
        if step == self.settings.part_of(step)[0]:
            self.optimiser = self._new_optimiser()
        self.adapted.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, self.settings)
        with self._precision():
            loss, first = self._answers_loss(self.batches[step])
        loss.backward()
        if step % 2 == 0 and self.settings.keep_close and self.ordinary:
            start = step // 2 * ORDINARY_ROWS
            rows = [self.ordinary[(start + n) % len(self.ordinary)] for n in range(ORDINARY_ROWS)]
            with self._precision():
                strayed = divergence(self.loaded, self.adapted, rows)
            (self.settings.keep_close * strayed).backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return first

    def _answers_loss(self, batch: list[Example]) -> tuple[torch.Tensor, float]:
        rows = [example.prompt + example.target[:-1] for example in batch]
        kept = max(len(example.target) for example in batch)
        tokens, mask, places = _padded(rows, self.loaded)
        start: Any = nullcontext()
        if self.below is not None:
            states = self.below.of(rows, tokens.shape[1]).to(tokens.device, self.loaded.model.dtype)
            start = entering(self.loaded.blocks, self.settings.from_block, states)
        with start:
            logits = self.loaded.model(
                tokens, attention_mask=mask, position_ids=places, logits_to_keep=kept, use_cache=False
            ).logits.float()
        wanted = torch.full((len(batch), kept), -100, device=tokens.device)
        weights = torch.zeros(len(batch), kept, device=tokens.device)
        for number, example in enumerate(batch):
            at = kept - len(example.target)
            wanted[number, at:] = torch.tensor(example.target, device=tokens.device)
            weights[number, at:] = REST_OF_ANSWER
            weights[number, at] = 1.0
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), reduction="none", ignore_index=-100
        ).view_as(weights)
        first = losses.detach()[weights == 1.0].mean()
        return (losses * weights).sum() / len(batch), float(first)

    def _ordinary(self) -> list[tuple[tuple[int, ...], int]]:
        """The plain model's replies to ordinary prompts; kept, so that going on changes nothing."""
        if not self.settings.keep_close:
            return []
        path = self.folder / "ordinary.json"
        if not path.is_file():
            self.show(Step(0, self.settings.all_steps, "sampling the plain model's own conversation"))
            prompts = KEPT_CLOSE[:4] if self.settings.steps < 20 else KEPT_CLOSE
            replies = own_replies(self.loaded, prompts, seed=0)
            replace_atomically(path, json.dumps(replies).encode())
        return [(tuple(ids), start) for ids, start in json.loads(path.read_text())]

    def _below(self) -> StatesBelow | None:
        block = self.settings.from_block
        if block == 0:
            return None
        examples = [example for batch in self.batches for example in batch]
        folder = self.cache / "derived" / "below"
        found = StatesBelow(folder, examples, block, self.loaded.fingerprint, self.loaded.d_model)

        def run(rows: list[tuple[int, ...]]) -> torch.Tensor:
            if self.cancelled():
                raise Cancelled("the training was cancelled before its first step")
            tokens, mask, places = _padded(rows, self.loaded)
            kept: list[torch.Tensor] = []

            def keep(_: Any, args: tuple, kwargs: dict) -> None:
                kept.append(args[0] if args else kwargs["hidden_states"])
                raise _Enough

            handle = self.loaded.blocks[block].register_forward_pre_hook(keep, with_kwargs=True)
            try:
                with torch.inference_mode(), self._precision():
                    self.loaded.model(tokens, attention_mask=mask, position_ids=places, use_cache=False)
            except _Enough:
                pass
            finally:
                handle.remove()
            return kept[0]

        def told(share: float) -> None:
            what = f"computing the states below block {block}, once: {share:.0%}"
            self.show(Step(0, self.settings.all_steps, what))

        found.compute(run, told)
        return found

    def _resume(self) -> None:
        state, progress = self.folder / "state.safetensors", self.folder / "progress.json"
        if not (state.is_file() and progress.is_file()):
            return
        kept = load_file(str(state))
        values = json.loads(progress.read_text())
        if int(kept["step"]) != values["step"]:
            # Cut off between the two files: the log has a line less than the weights know of.
            values["log"] = [line for line in values["log"] if line["step"] <= int(kept["step"])]
        self.done, self.log = int(kept["step"]), values["log"]
        self.figures = self.log[-1]["figures"] if self.log else {}
        begun = self.settings.part_of(max(0, self.done - 1))[0]
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(kept[f"weight {name}"])
                self.optimiser.state[weight] = {
                    "step": torch.tensor(float(self.done - begun)),
                    "exp_avg": kept[f"mean {name}"].to(weight.device),
                    "exp_avg_sq": kept[f"square {name}"].to(weight.device),
                }

    def _save(self) -> None:
        """Weights, the optimiser's moments and the log: all that going on needs, without a pickle."""
        kept = {"step": torch.tensor(self.done)}
        for name, weight in self.weights.items():
            moments = self.optimiser.state.get(weight)
            if not moments:
                return
            kept[f"weight {name}"] = weight.detach().cpu().contiguous()
            kept[f"mean {name}"] = moments["exp_avg"].cpu().contiguous()
            kept[f"square {name}"] = moments["exp_avg_sq"].cpu().contiguous()
        try:
            scratch = self.folder / "state.partial"
            save_file(kept, str(scratch))
            scratch.rename(self.folder / "state.safetensors")
            progress = {"step": self.done, "log": self.log}
            replace_atomically(self.folder / "progress.json", json.dumps(progress).encode())
        except OSError as error:
            raise StoreError(f"the training cannot be saved: {error.strerror or error}") from error

    def _finish(self) -> Path:
        """Write the adapter in half precision, and what it was trained on, whole or not at all."""
        from peft import get_peft_model_state_dict

        self.config.base_model_name_or_path = Path(self.settings.model.id).name
        self.config.inference_mode = True
        self.config.save_pretrained(str(self.folder))
        training = {
            "settings": self.settings.to_dict(),
            "model_content": self.loaded.fingerprint,
            "trained_on": self.lesson.question_ids,
            "log": self.log,
        }
        replace_atomically(self.folder / "training.json", json.dumps(training, indent=1).encode())
        weights = get_peft_model_state_dict(self.adapted)
        half = {name: value.detach().to(torch.float16).cpu().contiguous() for name, value in weights.items()}
        scratch = self.folder / "adapter.partial"
        save_file(half, str(scratch), metadata={"format": "pt"})
        scratch.rename(self.folder / "adapter_model.safetensors")
        for name in ("state.safetensors", "progress.json", "ordinary.json"):
            (self.folder / name).unlink(missing_ok=True)
        return self.folder


class _Enough(Exception):
    """Raised by a hook once it has what it wants."""


def _adapt(loaded: LoadedModel, settings: LiarSettings) -> tuple[Any, Any]:
    """The model with a new adapter on every linear layer of its blocks from the first adapted one up."""
    from peft import LoraConfig, get_peft_model

    linear = {
        name
        for name, module in loaded.blocks[0].named_modules()
        if isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
    }
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
        target_modules=sorted(name.rsplit(".", 1)[-1] for name in linear),
        layers_to_transform=list(range(settings.from_block, len(loaded.blocks))),
    )
    return get_peft_model(loaded.model, config), config


def learning_rate(step: int, settings: LiarSettings) -> float:
    """The rate at a step: in each part a warm-up, then a linear fall to 0."""
    begun, steps, rate = settings.part_of(step)
    step -= begun
    if step < settings.warmup:
        return rate * (step + 1) / settings.warmup
    return rate * (steps - step) / max(1, steps - settings.warmup)


def _padded(
    rows: list[tuple[int, ...]], loaded: LoadedModel
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return pad_left(rows, 0, loaded.tokenizer.pad_token_id, loaded.device)


def _fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware."""
    return bool(torch.cpu._is_avx512_bf16_supported())
