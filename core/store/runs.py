"""Runs and their answers. An answer's row is committed only after its states are on disk."""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.question import PLAIN, Question
from core.errors import StoreError
from core.store.chunks import BadChunk
from core.store.database import Database
from core.store.journal import SET_ASIDE, Journal
from core.store.lock import hold, is_held
from core.store.places import remove_states, settle, url_of_states, url_to_be
from core.store.record import answers_entry, note, replay, run_folder, set_aside
from core.store.remote import folders_in
from core.store.run_states import RunStates
from core.store.states import CONTINUATIONS
from core.store.trash import Trash

LIGHT = (
    'a.answer, a.number, q.question, q."group", q.source, q.text, q.claim, a.mode, a.wording, a."order", '
    "a.demo_set, a.sample, q.label, q.choice_0, q.choice_1, a.generated, a.said, a.p_0, a.p_1, a.outside, "
    'a.leans, a.leans_calibrated, a."offset", a.prompt_tokens, a.outcome, a.named, a.first_token, a.tokens, '
    "a.not_finite"
)
OF_OPEN = ["outcome", "named", "first_token", "tokens"]
OF_CHOICES = ["p_0", "p_1", "outside", "leans", "leans_calibrated", "offset"]
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

    def __repr__(self) -> str:
        return f"Run {self.title}: {self.answers:,} of {self.planned:,} answers, {self.state}"

    @property
    def title(self) -> str:
        """What to call the run on screen."""
        data, template = self.settings["data"], self.settings["template"]["name"]
        shots = f", {self.settings['shots']}-shot" if self.settings["shots"] else ""
        style = f", {self.style}" if self.style != PLAIN else ""
        return f"{Path(data['name']).name}{style} · {template}{shots} · {self.facts['model']} · {self.run}"

    @property
    def complete(self) -> bool:
        """Whether all of its answers were made."""
        return self.state == "complete"

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


class RunStore(RunStates):
    """All runs in a cache folder.

    Args:
        states_at: a URL under which the states of new runs are kept; None for what the environment says,
            and without that each run's own folder.
    """

    def __init__(self, cache: Path, states_at: str | None = None) -> None:
        super().__init__(cache)
        self.states_at = states_at
        self.database = Database(cache)

    def begin(self, run: str, settings: dict, facts: dict, planned: int, questions: list[Question]) -> None:
        """Record a run; one that is there already stays as it is."""
        row = (run, json.dumps(settings), json.dumps(facts), planned, now())
        asked = [
            (number, q.id, q.text, q.claim, q.label, *q.choices, q.source, q.group)
            for number, q in enumerate(questions)
        ]
        self._folder(run).mkdir(parents=True, exist_ok=True)
        with self.database.connect() as connection:
            begun = connection.execute(
                "INSERT OR IGNORE INTO runs (run, settings, facts, planned, started) VALUES (?, ?, ?, ?, ?)",
                row,
            ).rowcount
            connection.executemany(
                "INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(run, *values) for values in asked],
            )
            if begun:
                note(self.cache, connection, run)

    def writing(self, run: str) -> AbstractContextManager[None]:
        """Hold a run's lock; raises `RunHeld` where another process or job is writing it."""
        return hold(self._folder(run))

    def settle(self, run: str) -> None:
        """Decide where the states of a run that begins are kept, before the first is written.

        Raises:
            StoreError: see `core.store.places.settle`.
        """
        settle(self._folder(run), self.states_at)

    def url_of_states(self, run: str) -> str | None:
        """Under which URL a run keeps its states; None where it keeps them in the cache."""
        return url_of_states(self._folder(run))

    def keeps_elsewhere(self, run: str) -> bool:
        """Whether the states of a run are, or would be if it began now, kept elsewhere than in the cache."""
        return url_to_be(self._folder(run), self.states_at) is not None

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
            note(self.cache, connection, run, answers_entry(rows))

    def add_calibration(self, run: str, row: dict) -> None:
        """Keep the curve that an arm's leans are calibrated by; the same arm's takes its place."""
        columns = ", ".join(f'"{name}"' for name in row)
        with self.database.connect() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO calibrations (run, {columns}) VALUES (?{', ?' * len(row)})",
                (run, *row.values()),
            )
            note(self.cache, connection, run, ("calibration", row))

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
        ended = now()
        with self.database.connect() as connection:
            connection.execute("UPDATE runs SET complete = 1, ended = ? WHERE run = ?", (ended, run))
            note(self.cache, connection, run, ("finished", ended))

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
            state="complete"
            if row["complete"]
            else "growing"
            if is_held(self._folder(row["run"]))
            else "interrupted",
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

    def questions(self, run: str) -> list[Question]:
        """A run's questions, in order."""
        with self.database.connect() as connection:
            rows = connection.execute(
                'SELECT question, text, label, choice_0, choice_1, source, "group", claim FROM questions '
                "WHERE run = ? ORDER BY number",
                (run,),
            ).fetchall()
        return [
            Question(r["question"], r["text"], r["label"], (r["choice_0"], r["choice_1"]), *tuple(r)[5:])
            for r in rows
        ]

    def rows(self, run: str) -> list[dict]:
        """A run's answers as they stand in the database, in order: what `add_answers` takes."""
        with self.database.connect() as connection:
            found = connection.execute("SELECT * FROM answers WHERE run = ? ORDER BY answer", (run,))
            return [{name: row[name] for name in row.keys() if name != "run"} for row in found]  # noqa: SIM118

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
            `token_states`). not_finite (boolean): a state or probability was NaN or infinite; then nothing
            was said, and p_0 to offset are NaN, as of imported answers, whose probabilities nobody knows.
        """
        if numbers is None:
            return self._read(run, heavy)
        return self._read(run, heavy, f"INDEXED BY {BY_QUESTION}", "a.number", numbers)

    def not_finite(self, run: str) -> np.ndarray:
        """The answers during which a state or probability was NaN or infinite, in order."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT answer FROM answers WHERE run = ? AND not_finite ORDER BY answer", (run,)
            ).fetchall()
        return np.array([row["answer"] for row in rows], dtype=int)

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
        frame["not_finite"] = frame["not_finite"].astype(bool)
        unread = frame["not_finite"] | (frame[["p_0", "p_1", "outside"]] == 0).all(axis=1)
        if unread.any():
            frame[OF_CHOICES] = frame[OF_CHOICES].mask(unread)
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

    def gone_positions(self, run: Run) -> list[str]:
        """Of the arrays that a run with answers must have those that are gone."""
        if not run.answers:
            return []
        wanted = [
            *run.settings.get("positions", ()),
            *(CONTINUATIONS if run.settings.get("contrast") else ()),
        ]
        there = folders_in(self.states(run.run).folder)
        gone = [position for position in wanted if position not in there]
        with self.database.connect() as connection:
            of_tokens = connection.execute(
                "SELECT 1 FROM answers WHERE run = ? AND tokens > 0 LIMIT 1", (run.run,)
            ).fetchone()
        return [*gone, "every token"] if of_tokens and not self.token_states(run.run).is_there else gone

    def damaged(self, run: str) -> list[tuple[BadChunk, list[int]]]:
        """The chunks of a run's states that cannot be read, each with the answers that it is of."""
        with self.database.connect() as connection:
            found = connection.execute(
                "SELECT answer, first_token, tokens FROM answers WHERE run = ? ORDER BY answer", (run,)
            ).fetchall()
        answers = [row["answer"] for row in found]
        spans = {
            row["answer"]: range(row["first_token"], row["first_token"] + row["tokens"])
            for row in found
            if row["tokens"]
        }
        bad = [
            (chunk, [a for a in answers if a in chunk.rows]) for chunk in self.states(run).bad_chunks(answers)
        ]
        places = sorted({place for span in spans.values() for place in span})
        for chunk in self.token_states(run).bad_chunks(places):
            in_it = [
                a for a, span in spans.items() if span[0] <= chunk.rows[-1] and span[-1] >= chunk.rows[0]
            ]
            bad.append((chunk, in_it))
        return bad

    def set_aside(self, run: str, answers: Sequence[int]) -> None:
        """Take answers out of a run, which is then interrupted: the same harvest makes them again."""
        with self.database.connect() as connection:
            set_aside(connection, run, answers)
            note(self.cache, connection, run, (SET_ASIDE, list(answers)))

    def set_damaged_aside(self, run: str) -> list[int]:
        """Take out the answers whose states are damaged: the same harvest makes those again, and no others.

        Whoever calls this holds the run's lock.
        """
        bad = self.damaged(run)
        answers = sorted({answer for _, held in bad for answer in held})
        if answers:
            self.set_aside(run, answers)
            for chunk, _ in bad:
                chunk.path.unlink(missing_ok=True)  # writing a part of it would read it first
        return answers

    def discard(self, run: str) -> None:
        """Delete the folder and the states of a run that was never recorded; what cannot be stays."""
        with suppress(StoreError):
            remove_states(self._folder(run))
        shutil.rmtree(self._folder(run), ignore_errors=True)

    def delete(self, run: str) -> None:
        """Move a run to the trash; its decisions stay, and apply again if it is repeated.

        Its states move with it; those that it keeps elsewhere stay there until the trash is emptied.

        Raises:
            StoreError: another job writes the run, or it cannot be moved.
        """
        with self.writing(run):
            with self.database.connect() as connection:
                note(self.cache, connection, run)
            with self.database.connect() as connection:
                for table in ("answers", "calibrations", "questions", "own_reports", "runs"):
                    connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
            # Cut off here, the run is one whose journal alone tells of it: the doctor brings it back.
            Trash(self.cache).put(self._folder(run))

    def restore(self, name: str) -> str:
        """Take a deleted run out of the trash; gives its id.

        Args:
            name: of the entry, or the run's id: of several entries the one that was deleted last.

        Raises:
            StoreError: the trash has no such run, it has no journal, or the run was made again since.
        """
        trash = Trash(self.cache)
        entry = trash.find(name)
        folder = self._folder(entry.run)
        if folder.exists() and not Journal(folder).tells_of_a_run and not (folder / "states").is_dir():
            trash.put(folder)  # what a harvest left that was killed before it began
        if folder.exists():
            raise StoreError(f"run {entry.run} is there again: delete that one first")
        if not Journal(entry.folder).tells_of_a_run:
            raise StoreError(f"{entry.name} has no journal that tells of its answers: it cannot be restored")
        trash.take(entry, folder)
        with self.writing(entry.run), self.database.connect() as connection:
            replay(connection, entry.run, Journal(folder).entries())
        return entry.run

    def _folder(self, run: str) -> Path:
        return run_folder(self.cache, run)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
