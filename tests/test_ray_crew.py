"""A crew whose workers are lost in every way goes on, and waits for none of them: Ray played by a script."""

from collections import deque
from types import SimpleNamespace

import pytest

from core.engine import ray_crew
from core.engine.ray_crew import TRIES, Cluster, Crew
from core.errors import ModelError

exceptions = pytest.importorskip("ray.exceptions")

PENDING, SOUND = object(), object()
GROUPS = [(letter,) for letter in "abcdef"]
LOSSES = [
    exceptions.ActorDiedError(),
    exceptions.ActorUnavailableError("out of reach", None),
    exceptions.ObjectLostError("00" * 28, None, ""),
    exceptions.OutOfMemoryError("too large"),
]


class ScriptedWorker:
    """Each call ends as its script says: begin first, then groups; soundly where the script has ended."""

    def __init__(self, script):
        self.script = iter(script)
        self.plan = SimpleNamespace(remote=lambda: SimpleNamespace(end=SOUND, value=None))
        self.begin = SimpleNamespace(remote=lambda *_: self._call(id(self)))
        self.make = SimpleNamespace(remote=lambda blocks, _: self._call([(list(blocks), None)]))

    def _call(self, value):
        return Reference(next(self.script, SOUND), value)


class Reference:
    """What a call is to come to."""

    def __init__(self, end, value):
        self.end, self.value = end, value


class ScriptedRay:
    """As much of Ray as a crew uses; `events` says who was hired and killed, in order."""

    exceptions = exceptions

    def __init__(self, *scripts, gpus=0):
        self.scripts, self.gpus, self.events, self.workers = deque(scripts), gpus, [], []

    def cluster_resources(self):
        return {"GPU": self.gpus}

    def put(self, value):
        return value

    def remote(self, _):
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._hire))

    def _hire(self, *_):
        self.events.append(("hired", len(self.workers)))
        self.workers.append(ScriptedWorker(self.scripts.popleft() if self.scripts else ()))
        return self.workers[-1]

    def kill(self, worker):
        self.events.append(("killed", self.workers.index(worker)))

    def wait(self, references, **_):
        ready = [reference for reference in references if reference.end is not PENDING][:1]
        return ready, [reference for reference in references if reference not in ready]

    def get(self, reference):
        if isinstance(reference.end, Exception):
            raise reference.end
        return reference.value


def work(ray, workers, cancelled=lambda: False):
    """The groups that a crew makes of `GROUPS`, as they come, and the workers that started."""
    pids, settings = [], SimpleNamespace(to_dict=dict)
    crew = Crew(ray, settings, "cache", Cluster(workers=workers, gpus=0), pids.extend)
    crew.plan()
    return (rows for rows, _ in crew.work(None, 512, iter(GROUPS), frozenset(), cancelled)), pids


def in_order(made):
    return sorted(letter for rows in made for letter in rows)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_worker_that_is_lost_in_any_way_is_ended_before_another_is_hired(loss):
    ray = ScriptedRay([SOUND, loss, loss], [])
    made, pids = work(ray, workers=2)
    assert in_order(made) == list("abcdef")
    assert ray.events == [("hired", 0), ("hired", 1), ("killed", 0), ("hired", 2)]
    assert pids[:2] == [id(worker) for worker in ray.workers[:2]]


def test_nobody_waits_for_a_replacement_that_does_not_start():
    ray = ScriptedRay([SOUND, LOSSES[0], LOSSES[0]], [], [PENDING])
    made, pids = work(ray, workers=2)
    assert in_order(made) == list("abcdef")
    assert ("hired", 2) in ray.events and len(pids) == 2


def test_a_crew_that_waits_for_a_replacement_alone_can_be_cancelled():
    looks = []

    def cancelled():
        looks.append(len(ray.workers))
        return looks.count(2) > 5

    ray = ScriptedRay([SOUND, LOSSES[0], LOSSES[0]], [PENDING])
    made, _ = work(ray, workers=1, cancelled=cancelled)
    assert not list(made) and ray.events == [("hired", 0), ("killed", 0), ("hired", 1)]


def test_replacements_that_die_one_after_another_are_given_up():
    ray = ScriptedRay([SOUND, LOSSES[0], LOSSES[0]], *[[LOSSES[3]]] * TRIES)
    made, pids = work(ray, workers=1)
    with pytest.raises(ModelError, match=f"{TRIES} workers in a row died.*too large"):
        list(made)
    assert len(ray.workers) == 1 + TRIES and len(pids) == 1


def test_a_start_between_two_deaths_begins_the_count_anew():
    scripts = [[SOUND, LOSSES[0]], [LOSSES[0]], [LOSSES[0]], [SOUND, LOSSES[0]], [LOSSES[0]], [LOSSES[0]], []]
    made, _ = work(ScriptedRay(*scripts), workers=1)
    assert in_order(made) == list("abcdef")


def test_a_gpu_is_asked_for_its_memory_once_and_before_any_worker_holds_it(monkeypatch):
    ray, asked = ScriptedRay(gpus=2), []

    def memory(_):
        asked.append(len(ray.workers))
        return 1e9

    monkeypatch.setattr(ray_crew, "gpu_memory", memory)
    monkeypatch.setattr(ray_crew, "half_precision_size", lambda *_: 1e8)
    settings = SimpleNamespace(to_dict=dict, model=None)
    crew = Crew(ray, settings, "cache", Cluster(), lambda _: None)
    crew.plan()
    made = crew.work(None, 512, iter(GROUPS), frozenset(), lambda: False)
    assert in_order(rows for rows, _ in made) == list("abcdef")
    assert asked == [0] and len(ray.workers) == 2
