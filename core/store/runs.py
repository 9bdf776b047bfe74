"""Runs and their answers. An answer's row is committed only after its states are on disk."""

import fcntl
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.question import PLAIN, Question
from core.errors import StoreError
from core.store.database import Database
from core.store.states import StateArrays
from core.store.token_states import TokenStates

LIGHT = (
    'a.answer, a.number, q.question, q."group", q.source, q.text, q.claim, a.mode, a.wording, a."order", '
    "a.demo_set, a.sample, q.label, q.choice_0, q.choice_1, a.generated, a.said, a.p_0, a.p_1, a.outside, "
    'a.leans, a.leans_calibrated, a."offset", a.prompt_tokens, a.outcome, a.named, a.first_token, a.tokens'
)
OF_OPEN = ["outcome", "named", "first_token", "tokens"]
OF_CHOICES = ["p_0", "p_1", "outside", "leans", "leans_calibrated", "offset"]
LOOKS = 10
BY_QUESTION = "answers_to_question"
RUNS = "SELECT *, (SELECT count(*) FROM answers WHERE answers.run = runs.run) AS answers FROM runs"
HEAVY = ", a.ids, a.said_start, a.said_end, a.spellings, a.top"


@dataclass(frozen=True)
class Run:
    """One harvest as it stands.

    Attributes:
        settings: what `HarvestSettings.to_dict` gave.
        facts: the model's name, layers, d_model, choices, spellings: what every view needs without the model.
        state: `complete`, `growing` (someone is at it now) or `interrupted`.
        answers: rows committed so far, of `planned`.
    """

    run: str
    settings: dict
    facts: dict
    planned: int
    answers: int
    state: str
    started: str
    ended: str | None

    @property
    def title(self) -> str:
        """What to call the run on screen."""
        data, template = self.settings["data"], self.settings["template"]["name"]
        shots = f", {self.settings['shots']}-shot" if self.settings["shots"] else ""
        style = f", {self.style}" if self.style != PLAIN else ""
        return f"{Path(data['name']).name}{style} · {template}{shots} · {self.facts['model']} · {self.run}"

    @property
    def style(self) -> str:
        """How its questions are dressed, of `core.data.styles.STYLES`; runs from before styles are plain."""
        return self.settings["data"].get("style", PLAIN)

    def asks_alike(self, other: "Run") -> bool:
        """Whether another run draws its questions from the same source, in the same form, split and style."""
        one, two = (
            [*(run.settings["data"].get(key) for key in ("name", "form", "split")), run.style]
            for run in (self, other)
        )
        return one == two


class RunStore:
    """All runs in a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.database = Database(cache)

    def states(self, run: str) -> StateArrays:
        """The state arrays of a run."""
        return StateArrays(self._folder(run) / "states")

    def token_states(self, run: str) -> TokenStates:
        """The states of every generated token of a run of open questions."""
        return TokenStates(self._folder(run) / "tokens")

    def begin(self, run: str, settings: dict, facts: dict, planned: int, questions: list[Question]) -> None:
        """Record a run; one that is there already stays as it is."""
        with self.database.connect() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO runs (run, settings, facts, planned, started) VALUES (?, ?, ?, ?, ?)",
                (run, json.dumps(settings), json.dumps(facts), planned, now()),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (run, number, q.id, q.text, q.claim, q.label, *q.choices, q.source, q.group)
                    for number, q in enumerate(questions)
                ],
            )

    @contextmanager
    def writing(self, run: str) -> Iterator[None]:
        """Hold a run's lock; the system lets go of it when the process ends, however it ends.

        Raises:
            StoreError: another process or job is writing this run.
        """
        folder = self._folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as handle:
            for attempt in range(LOOKS):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if attempt == LOOKS - 1:
                        raise StoreError(f"run {run} is being written by another job: wait for it") from error
                    time.sleep(0.1)  # somebody who only looks whether it is held lets go at once
            yield

    def add_answers(self, run: str, rows: list[dict]) -> None:
        """Commit answers whose states are on disk."""
        names = list(rows[0])
        columns = ", ".join(f'"{name}"' for name in names)
        slots = ", ".join("?" * (len(names) + 1))
        with self.database.connect() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO answers (run, {columns}) VALUES ({slots})",
                [(run, *(row[name] for name in names)) for row in rows],
            )

    def add_calibration(self, run: str, row: dict) -> None:
        """Keep the curve that an arm's leans are calibrated by; the same arm's takes its place."""
        columns = ", ".join(f'"{name}"' for name in row)
        with self.database.connect() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO calibrations (run, {columns}) VALUES (?{', ?' * len(row)})",
                (run, *row.values()),
            )

    def calibrations(self, run: str) -> pd.DataFrame:
        """How each arm's leans are calibrated; no rows for `none` and in runs from before this was kept.

        Returns:
            Columns mode, wording, order, demo_set, method, fitted_in (a mode), offset (nats), slope, n
            (prompts that it was fitted on), rises (see `core.calibration.Calibration`).
        """
        with self.database.connect() as connection:
            frame = pd.read_sql_query(
                'SELECT mode, wording, "order", demo_set, method, fitted_in, "offset", slope, n, rises '
                "FROM calibrations WHERE run = ?",
                connection,
                params=(run,),
            )
        return frame.assign(rises=frame["rises"].astype(bool))

    def finish(self, run: str) -> None:
        """Mark a run complete."""
        with self.database.connect() as connection:
            connection.execute("UPDATE runs SET complete = 1, ended = ? WHERE run = ?", (now(), run))

    def done(self, run: str) -> set[int]:
        """The answers that are committed."""
        with self.database.connect() as connection:
            return {row[0] for row in connection.execute("SELECT answer FROM answers WHERE run = ?", (run,))}

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        with self.database.connect() as connection:
            rows = connection.execute(f"{RUNS} ORDER BY started DESC, rowid DESC").fetchall()
        return [self._run(row) for row in rows]

    def run(self, run: str) -> Run:
        """One run by its id, or by a beginning of it that fits no other.

        Raises:
            StoreError: no such run, or several.
        """
        with self.database.connect() as connection:
            rows = connection.execute(f"{RUNS} WHERE substr(run, 1, ?) = ?", (len(run), run)).fetchall()
        if len(rows) != 1 or not run:
            what = "there is no run" if not rows or not run else "several runs begin with"
            raise StoreError(f"{what} {run!r}: `telltale runs` lists them")
        return self._run(rows[0])

    def _run(self, row: sqlite3.Row) -> Run:
        return Run(
            run=row["run"],
            settings=json.loads(row["settings"]),
            facts=json.loads(row["facts"]),
            planned=row["planned"],
            answers=row["answers"],
            state="complete" if row["complete"] else "growing" if self._held(row["run"]) else "interrupted",
            started=row["started"],
            ended=row["ended"],
        )

    def labels(self, run: str) -> tuple[str, str]:
        """What the two labels of a run's questions mean, negative first.

        Raises:
            StoreError: no such run, or one without questions.
        """
        with self.database.connect() as connection:
            row = connection.execute(
                "SELECT choice_0, choice_1 FROM questions WHERE run = ? ORDER BY number LIMIT 1", (run,)
            ).fetchone()
        if row is None:
            raise StoreError(f"there are no questions of run {run!r}")
        return row["choice_0"], row["choice_1"]

    def numbers(self, run: str) -> pd.DataFrame:
        """Which question each of a run's answers is to, in order; nothing else of them is read.

        Returns:
            Columns answer and number (of the question).
        """
        with self.database.connect() as connection:
            return pd.read_sql_query(
                f"SELECT answer, number FROM answers INDEXED BY {BY_QUESTION} WHERE run = ? ORDER BY answer",
                connection,
                params=(run,),
            )

    def answers(self, run: str, heavy: bool = False, numbers: np.ndarray | None = None) -> pd.DataFrame:
        """A run's answers in order, one row each.

        Args:
            heavy: add token ids, spellings' probabilities and the likeliest tokens, as JSON.
            numbers: of the questions whose answers are wanted; nothing of others is read. None for all.

        Returns:
            Columns answer, question, group, source, text, claim, mode, wording, order, demo_set, sample,
            label, choice_0, choice_1, generated, said (0, 1 or NaN), p_0, p_1, outside, leans,
            leans_calibrated, offset (nats), prompt_tokens. Open answers have NaN from p_0 to offset; their
            said is 1 where they are right and 0 where they are wrong; besides: outcome (see
            `core.open_answers`), named (the entity, None where neither), first_token and tokens (see
            `token_states`).
        """
        if numbers is None:
            return self._read(run, heavy)
        return self._read(run, heavy, f"INDEXED BY {BY_QUESTION}", "a.number", numbers)

    def answers_at(self, run: str, answers: Sequence[int], heavy: bool = False) -> pd.DataFrame:
        """Some answers in the order named, as `answers` gives them; nothing of others is read.

        Raises:
            StoreError: the run has no such answer.
        """
        frame = self._read(run, heavy, "", "a.answer", answers).set_index("answer", drop=False)
        if missing := sorted(set(map(int, answers)) - set(frame.index)):
            raise StoreError(f"run {run} has no answer {missing[0]}")
        return frame.loc[list(map(int, answers))].reset_index(drop=True)

    def _read(
        self,
        run: str,
        heavy: bool,
        index: str = "",
        column: str = "",
        wanted: Sequence[int] | np.ndarray = (),
    ) -> pd.DataFrame:
        """All answers, or those whose column holds a wanted number."""
        some = f" AND {column} IN (SELECT value FROM json_each(?))" if column else ""
        with self.database.connect() as connection:
            frame = pd.read_sql_query(
                f"SELECT {LIGHT}{HEAVY if heavy else ''} FROM answers a {index} "
                f"JOIN questions q USING (run, number) WHERE run = ?{some} ORDER BY a.answer",
                connection,
                params=(run, json.dumps(list(map(int, wanted)))) if column else (run,),
            )
        frame["said"] = frame["said"].astype(float)
        if frame["outcome"].isna().all():
            return frame.drop(columns=OF_OPEN)
        return frame.assign(**dict.fromkeys(OF_CHOICES, float("nan")))

    def answer_tokens(self, run: str, layer: int, answers: np.ndarray) -> list[np.ndarray]:
        """States of one layer at every generated token of open answers, each (tokens, d_model).

        Raises:
            StoreError: the run's answers are choices, or it has no such layer or answer.
        """
        if not len(answers):
            return []
        frame = self.answers_at(run, answers.tolist())
        if "tokens" not in frame:
            raise StoreError(f"run {run} has no states of every token: only open answers have")
        part = frame[["first_token", "tokens"]].astype(int)
        return self.token_states(run).read(layer, part["first_token"].to_numpy(), part["tokens"].to_numpy())

    def layer(self, run: str, position: str, layer: int, answers: np.ndarray) -> np.ndarray:
        """States of one layer for the given answers, (answers, d_model)."""
        return self.states(run).read(position, layer, answers)

    def delete(self, run: str) -> None:
        """Delete a run with its states; its decisions stay, and apply again if it is repeated."""
        with self.writing(run), self.database.connect() as connection:
            for table in ("answers", "calibrations", "questions", "runs"):
                connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
        shutil.rmtree(self._folder(run), ignore_errors=True)

    def _folder(self, run: str) -> Path:
        return self.cache / "runs" / run

    def _held(self, run: str) -> bool:
        """Whether somebody writes the run now. A shared lock: those who look do not disturb each other."""
        try:
            with (self._folder(run) / "lock").open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except BlockingIOError:
            return True
        except OSError:
            return False


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
