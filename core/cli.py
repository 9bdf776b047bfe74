"""`telltale …`: the same functions as the dashboard, for shells and scripts.

Anything refused is one line on stderr that begins with `telltale: `, exit code 2, and nothing on stdout.
"""

import argparse
import io
import json
import math
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from core.data.styles import STYLES
from core.errors import TelltaleError
from core.shown import quoted, sentence, visible
from core.signals import Stopped, ending_on_sigterm


class Parser(argparse.ArgumentParser):
    """argparse, with its errors in this program's one form."""

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit code 2."""
        sys.exit(refuse(message))


def refuse(message: object) -> int:
    """Say in one line on stderr what was wrong; gives the exit code, 2."""
    print(f"telltale: {sentence(message)}", file=sys.stderr)
    return 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    if broken := [text for text in typed if not is_text(text)]:
        return refuse(f"argument {quoted(broken[0])} is not text")
    options = parser().parse_args(typed)
    try:
        with ending_on_sigterm():
            quieten()
            from core.commands import command
            from core.paths import cache_folder

            run = command(options.command)
            result, text = run(cache_folder(options.cache), options)
    except TelltaleError as error:
        return refuse(error)
    except OSError as error:
        return refuse(f"{error.filename or 'the system'}: {error.strerror or error}")
    except MemoryError:
        return refuse("there is not enough memory: choose a smaller model or fewer questions")
    except KeyboardInterrupt as stopped:
        end = stopped if isinstance(stopped, Stopped) else Stopped()
        print(f"telltale: {end}", file=sys.stderr)
        return end.code
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        print(json.dumps(plain(result), allow_nan=False) if options.json else visible(text, kept="\n"))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if result.get("ok", True) else 1


def is_text(argument: str) -> bool:
    """Whether an argument is UTF-8 without NUL, as SQLite and file names need it."""
    try:
        return b"\0" not in argument.encode()
    except UnicodeEncodeError:
        return False


def quieten() -> None:
    """Keep what libraries print of their own accord off stderr, which is for this program's words."""
    warnings.filterwarnings("ignore")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub.utils import logging as hub
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    hub.set_verbosity_error()
    warnings.filterwarnings("ignore")  # scikit-learn and others put their own filters first on import


def plain(value: Any) -> Any:
    """The value as JSON has it: NumPy's numbers as numbers, and null for NaN and infinities."""
    if isinstance(value, dict):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def parser() -> Parser:
    """The command line's grammar."""
    top = Parser(prog="telltale", description="Asks a model to lie, and measures whether its states tell.")
    common = Parser(add_help=False)
    common.add_argument("--cache", help="folder for everything written (default: TELLTALE_CACHE or cache/)")
    common.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    model = Parser(add_help=False)
    model.add_argument("--model", help="embedded model, hub id, folder or GGUF file")
    model.add_argument("--adapter", help="a PEFT folder with a LoRA adapter")
    model.add_argument("--four-bit", action="store_true")
    probing = Parser(add_help=False)
    probing.add_argument("--method", default="logistic", help="of the probe")
    probing.add_argument("--target", default="truth")
    probing.add_argument("--position", default="prompt")
    probing.add_argument("--train", default="honest")
    probing.add_argument(
        "--layer-rule", default="labels", help="how the layer is chosen: labels, honest, agreement"
    )
    probing.add_argument("--seed", type=int, default=0)
    spread = Parser(add_help=False)
    spread.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="layers in this process, or on Ray's workers",
    )
    spread.add_argument("--address", help="with ray: the cluster's head, or auto (default: one of its own)")
    spread.add_argument("--workers", type=int, help="with ray: how many, 2 or more (default: one a core)")
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)

    def add(name: str, help: str, *parents: Any) -> Any:
        return commands.add_parser(name, help=help, parents=[common, *parents])

    add("models", "what can be loaded, and its size", model)
    tokens = add("tokens", "every spelling of a template's choices", model)
    tokens.add_argument("--template", required=True, help="its name, or a .json file")

    asking = Parser(add_help=False)
    asking.add_argument("--data", required=True, help="a built-in name, a file, or hub:ID")
    asking.add_argument("--seed", type=int, default=0)
    asking.add_argument("--form", choices=("auto", "direct", "claim"), default="auto")
    asking.add_argument("--split")
    asking.add_argument("--text-column")
    asking.add_argument("--label-column")
    asking.add_argument("--left-out", metavar="ELICITATION", help="ask none of the questions that it used")
    asking.add_argument(
        "--demo-answers",
        choices=("truth", "mode", "random"),
        default="truth",
        help="truly in every mode (default), as the mode expects (falsely under lie), or by a seeded coin",
    )
    asking.add_argument("--demo-seed", type=int, default=0)
    asking.add_argument("--temperature", type=float, default=0.0)
    asking.add_argument("--no-system", action="store_true", help="the instruction in the user's turn")
    asking.add_argument("--plain", action="store_true", help="no chat template")

    harvest = add("harvest", "ask questions in each mode and keep the states", model, asking)
    harvest.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="where: this process, or a Ray cluster"
    )
    harvest.add_argument("--address", help="with ray: the cluster's head, or auto (default: one of its own)")
    harvest.add_argument("--workers", type=int, help="with ray: how many (default: one a GPU or machine)")
    harvest.add_argument(
        "--shard", metavar="K/N", help="make this part of N alone, in a cache of its own; see `runs merge`"
    )
    harvest.add_argument(
        "--states-at",
        metavar="URL",
        help="keep the states of a run that begins under file:///…, s3://…, gs://… or az://…, outside the "
        "cache (default: what TELLTALE_STATES says)",
    )
    harvest.add_argument("--n", type=int, help="how many questions, balanced (default: all)")
    harvest.add_argument("--template", help="its name, or a .json file (default: review)")
    harvest.add_argument(
        "--style",
        default="plain",
        help=f"how questions are dressed (default: plain): {', '.join(STYLES)}",
    )
    harvest.add_argument("--max-new-tokens", type=int, help="default: 4, and 16 for open questions")
    harvest.add_argument("--mode", action="append", help="repeat for several (default: honest and lie)")
    harvest.add_argument("--wording", type=int, action="append")
    harvest.add_argument("--order", type=int, action="append", choices=(0, 1))
    harvest.add_argument("--shots", type=int, default=0)
    harvest.add_argument(
        "--demo-sets", type=int, default=0, help="each question is asked with each (default: 3 with shots)"
    )
    harvest.add_argument("--samples", type=int, default=1, help="answers a question; needs a temperature")
    harvest.add_argument(
        "--samples-mode", action="append", help="a mode to sample so often, the others once (default: all)"
    )
    harvest.add_argument("--calibration", choices=("content-free", "platt", "none"), default="content-free")
    harvest.add_argument(
        "--calibrate-per-mode", action="store_true", help="fit in each mode, in place of under honest for all"
    )
    harvest.add_argument("--position", action="append", help="prompt, before, answer, mean (default: all)")
    harvest.add_argument(
        "--contrast",
        action="store_true",
        help="also continue each prompt with both choices, for contrast pairs",
    )

    elicit = add("elicit", "find the wording, template, shots, role and order that get lies", model, asking)
    elicit.add_argument("--max-new-tokens", type=int, default=4)
    elicit.add_argument("--n", type=int, default=64, help="questions of the last rung (default: 64)")
    elicit.add_argument("--start", type=int, default=8, help="fewest questions of a rung (default: 8)")
    elicit.add_argument("--template", action="append", help="repeat for several (default: the usual two)")
    elicit.add_argument("--wording", type=int, action="append", help="repeat for several (default: 0 to 3)")
    elicit.add_argument("--shots", type=int, nargs="+", default=(0, 2), help="default: 0 2")
    elicit.add_argument(
        "--order", type=int, action="append", choices=(0, 1), help="of the choices (default: both are tried)"
    )
    elicit.add_argument(
        "--demo-sets", type=int, default=3, help="questions take turns with them (default: 3)"
    )
    elicit.add_argument(
        "--system", action="store_true", help="the system role; with --no-system or neither, both are tried"
    )

    liar = add("train-liar", "train an adapter that answers truly or falsely as it is told", model)
    liar.add_argument(
        "--from-block", type=int, default=0, help="first adapted block (default: 0, all blocks)"
    )
    liar.add_argument("--seed", type=int, default=0)
    liar.add_argument("--steps", type=int, help="of the optimiser (default: the shipped liar's)")
    recipe = liar.add_mutually_exclusive_group()
    recipe.add_argument("--quick", action="store_true", help="a few steps on a small sample, for a trial")
    recipe.add_argument(
        "--study",
        action="store_true",
        help="a liar about movie reviews alone, under twelve wordings: a tenth of the cost, and no exam",
    )
    liar.add_argument(
        "--exam",
        type=int,
        help="questions a kind at most in the exam that follows; 0 for none (default: 450)",
    )

    calibration = add("calibration", "how a run's leans are calibrated, and their reliability under honest")
    calibration.add_argument("run")

    runs = add("runs", "list, search, show, tag, note or delete runs, restore from the trash, merge shards")
    runs.add_argument(
        "action",
        nargs="?",
        choices=(
            *("list", "show", "tag", "untag", "note", "delete"),
            *("trash", "restore", "empty-trash", "merge"),
        ),
        default="list",
        help="list (default), show, tag or untag (RUN WORD …), note (RUN TEXT), delete (to the trash), "
        "trash (its contents), restore, empty-trash, merge",
    )
    runs.add_argument(
        "run", nargs="*", help="a run, and its tags or note; with merge: folders (default: the cache's)"
    )
    runs.add_argument("--search", metavar="TEXT", help="with list: runs in which each word is found")

    beside = add("compare", "two runs side by side, or one before and after pruning", probing)
    beside.add_argument("run")
    beside.add_argument("other", help="is subtracted from the first; the same run: before pruning")
    beside.add_argument("--test", default="lie")
    beside.add_argument("--csv", help="also write the figures of what is said to this file")
    beside.set_defaults(permutations=0)

    decisions = add("decisions", "drop and keep answers, apply rules, undo, export, import, compare people")
    decisions.add_argument(
        "action",
        help="show, export, import, undo, redo, keep, drop, unsure, rules, agreement or beliefs; before or "
        "after the run",
    )
    decisions.add_argument("run")
    decisions.add_argument("--file", help="CSV to write or read")
    decisions.add_argument("--answer", type=int, action="append")
    decisions.add_argument("--reason", help="of a drop (default: other)")
    decisions.add_argument("--who", help="who decides (default: the account's name)")
    decisions.add_argument("--rule", action="append", help="with rules: one to switch on; repeat for several")
    decisions.add_argument(
        "--apply", action="store_true", help="with rules: drop what they mark, in one step"
    )
    decisions.add_argument(
        "--everywhere",
        action="store_true",
        help="have outcome drops reach test data, which makes the measure",
    )
    decisions.add_argument("--margin", type=float, help="with beliefs: the share a belief needs (kept)")

    for name, help in (("probe", "accuracy and AUROC by layer"), ("score", "score statements with a probe")):
        command = add(name, help, probing, model if name == "score" else spread)
        command.add_argument("run")
        command.add_argument("--test-run")
        command.add_argument("--test", default="lie")
        command.add_argument("--permutations", type=int, default=100 if name == "probe" else 0)
        if name == "probe":
            command.add_argument(
                "--cross-validate",
                action="store_true",
                help="five folds of the questions outside the test set, which stays closed",
            )
            command.add_argument(
                "--chat-run", metavar="RUN", help="a run of source chat: thresholds and false-positive rates"
            )
            command.add_argument("--save", metavar="NAME", help="keep the probe, to score with it later")
        if name == "score":
            command.add_argument("--text", action="append", help="a statement; repeat for several")
            command.add_argument("--file", help="statements, one per line: `true: …`, `Q: … | A: …`")
            command.add_argument("--mode", action="append", help="default: honest and lie")
            command.add_argument("--probe", metavar="NAME", help="a kept probe, in place of fitting one")

    kept = add("probes", "the probes that are kept; export one, take one in, or delete one")
    what = kept.add_mutually_exclusive_group()
    what.add_argument(
        "--export",
        metavar="NAME",
        help="to --file, as safetensors, or as a control vector where that ends in .gguf",
    )
    what.add_argument("--add", metavar="FILE", help="take in an exported probe, under --name or its own")
    what.add_argument("--delete", metavar="NAME")
    kept.add_argument("--file")
    kept.add_argument("--name")

    beaten = add(
        "controls", "all that a probe must beat on a run's test answers, and its margins over it", probing
    )
    beaten.add_argument("run")
    beaten.add_argument("--test-run")
    beaten.add_argument(
        "--own-report", action="store_true", help="ask the model first whether each of its answers was true"
    )
    beaten.add_argument("--test", default="lie")
    beaten.add_argument(
        "--permutations", type=int, default=100, help="of that probe's null (without any is found too)"
    )
    beaten.add_argument("--csv", help="also write the table to this file")

    across = add("transfer", "a probe trained on each of several runs, judged on every one", probing, spread)
    across.add_argument("runs", nargs="+")
    across.add_argument("--judge-mode", action="append", help="mode to judge on; repeat for several (lie)")
    across.add_argument("--csv", help="also write the cells to this file")
    across.set_defaults(test="lie", permutations=0)

    shifts = add(
        "shifts", "what a probe loses on runs of the same questions restyled, or asked otherwise", probing
    )
    shifts.add_argument("run", help="the probe is trained here")
    shifts.add_argument("shifted", nargs="+", help="runs of the same questions by the same model")
    shifts.add_argument("--test", default="lie")
    shifts.add_argument("--csv", help="also write the figures to this file")
    shifts.set_defaults(permutations=0)

    sweep = add("sweep", "every wording × source × method × layer of some runs, and what it hangs on", spread)
    sweep.add_argument("runs", nargs="+")
    sweep.add_argument(
        "--method", action="append", help="repeat for several (default: logistic, difference-of-means)"
    )
    sweep.add_argument("--layer-step", type=int, default=1, help="judge every so-many-th layer (default: 1)")
    sweep.add_argument("--target", default="truth")
    sweep.add_argument("--position", default="prompt")
    sweep.add_argument("--train", default="honest")
    sweep.add_argument("--test", default="lie")
    sweep.add_argument("--seed", type=int, default=0)
    sweep.add_argument("--csv", help="also write the cells to this file")

    follows = add("read-or-said", "what the direction trained on honest answers follows, by layer", spread)
    follows.add_argument("run")
    follows.add_argument("--position", default="prompt")
    follows.add_argument("--resamples", type=int, default=200, help="of the bootstrap over groups")
    follows.add_argument("--seed", type=int, default=0)
    follows.add_argument("--csv", help="also write the figures of each layer to this file")

    lies = add("lie-score", "how far what is said departs from what an honest-trained probe reads")
    lies.add_argument("run")
    lies.add_argument("--flip-run", metavar="RUN2", help="a run of the same questions with --mode flip")
    lies.add_argument("--position", default="prompt")
    lies.add_argument("--layer", type=int, help="default: by --layer-rule, anew for each fold")
    lies.add_argument("--layer-rule", default="agreement", help="agreement (default) or honest; no lies used")
    lies.add_argument("--centring", default="none", help="of what is read: none (default), per-mode, single")
    lies.add_argument("--seed", type=int, default=0)
    lies.add_argument("--csv", help="also write the score of each answer to this file")

    steer = add("steer", "what is said while a direction is added, projected out or patched")
    steer.add_argument("run")
    steer.add_argument("--layer", type=int, required=True)
    steer.add_argument(
        "--alpha", type=float, nargs="+", help="how much is added, in typical state norms (default: ±0.5, ±1)"
    )
    steer.add_argument("--how", choices=("add", "project", "patch"), default="add")
    steer.add_argument("--positions", choices=("last", "prompt", "generated", "all"), default="last")
    steer.add_argument("--method", default="logistic")
    steer.add_argument("--target", default="truth")
    steer.add_argument("--n", type=int, default=40, help="questions of the test groups (default: 40)")
    steer.add_argument("--random", type=int, default=20, help="random directions (default: 20)")
    steer.add_argument("--seed", type=int, default=0)
    steer.add_argument("--csv", help="also write every figure to this file")

    export = add("export", "a run as a folder or dataset, its answers as CSV, or one layer's states as .npy")
    export.add_argument("run")
    export.add_argument("--file", required=True)
    export.add_argument(
        "--format", choices=("folder", "dataset"), help="default: CSV, or .npy where --layer is given"
    )
    export.add_argument("--position", action="append", help="repeat for several (default: prompt)")
    export.add_argument("--layer", type=int, action="append", help="repeat for several")

    report = add("report", "all that there is to see of a run, as one HTML file that opens anywhere")
    report.add_argument("run")
    report.add_argument("--file", help="default: report-RUN.html, here")

    figures = add("figures", "the figures of a run as files, each with its data as CSV")
    figures.add_argument("run")
    figures.add_argument(
        "--format",
        choices=("png", "svg", "html"),
        default="png",
        help="default: png; pictures need telltale[figures] and a Chrome or Chromium",
    )
    figures.add_argument("--folder", required=True)

    push = add("push", "a kept probe, a liar or a pruned run to the Hugging Face hub, with a card")
    push.add_argument("what", choices=("probe", "liar", "run"))
    push.add_argument("name", help="of the probe, the liar's folder, or the run")
    push.add_argument("--to", metavar="OWNER/NAME", help="the repository, made where there is none")
    push.add_argument("--private", action="store_true", help="make it a private one")
    push.add_argument("--to-folder", metavar="DIR", help="write here what would be pushed, and send nothing")
    push.add_argument("--position", action="append", help="of a run: repeat for several (default: prompt)")
    push.add_argument("--layer", type=int, action="append", help="of a run: several too (default: all)")

    brought = add("import", "states that were harvested, or answers that were given, elsewhere: as a run")
    brought.add_argument(
        "file",
        help="states (.npz, .safetensors, a folder of .npy files, a dataset folder) with --labels, or "
        "answers (transcripts as .jsonl, an Inspect log) with --model",
    )
    brought.add_argument("--labels", metavar="FILE", help="a table, its rows in the states' order")
    brought.add_argument("--text-column")
    brought.add_argument("--label-column")
    brought.add_argument("--name", help="of the run, in its title")
    brought.add_argument("--model", help="that reads the answers; of states: what their model is called")
    brought.add_argument("--adapter", help="a PEFT folder with a LoRA adapter, for answers")
    brought.add_argument("--four-bit", action="store_true")

    app = commands.add_parser("dashboard", help="start the app, and serve it to this machine's browsers")
    app.add_argument("--cache", help="folder for everything written, as of the other commands")
    app.add_argument("--port", default="8501", help="default: 8501")
    app.add_argument("--address", default="127.0.0.1", help="another one asks each browser for a password")
    app.add_argument("--host", action="append", default=[], help="a further name that browsers call it by")

    doctor = add("doctor", "check the installation and the cache, and repair what can be")
    doctor.add_argument("--repair", action="store_true", help="mend what can be mended")
    return top


if __name__ == "__main__":
    sys.exit(main())
