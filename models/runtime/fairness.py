"""Who is served next: per-user virtual time in device seconds, a bounded warm window, a hard bound on waiting.

Start-time fair queueing: a user's virtual time is the device seconds charged so far; the user with the least goes
first; whoever comes (back) starts at the system's virtual time, so that idling earns no credit.
Pure bookkeeping, not thread-safe: the runtime calls it under its lock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from models.runtime.ranked import Ranked

LOOK_AHEAD = 16
WORTH_OF_LOAD = 6.0


@dataclass(eq=False)
class Waiting:
    """A queued job as fairness sees it. cost_s: expected device seconds. warm_key: its model, None when it has none.
    load_s: expected seconds to load that model, which going first would cost; unknown is taken as long."""

    user: str
    cost_s: float
    warm_key: Any = None
    load_s: float = math.inf
    priority: int = 0
    since: float = 0.0
    payload: Any = None


@dataclass(eq=False)
class User:
    """virtual: device seconds charged. served: when last dispatched. fresh: not served since it last came (back).
    passes: how often others went first since its head job came up. running: jobs under way."""

    name: str
    virtual: float
    served: float
    jobs: Ranked[Waiting] = field(default_factory=Ranked)
    fresh: bool = True
    passes: int = 0
    running: int = 0
    indexed_key: Any = None


class Verdict(Enum):
    """What an attempt to start a job answered: STARTED; LATER, no room now; DROPPED, it can never run and is gone."""

    STARTED = 1
    LATER = 2
    DROPPED = 3


# (job, urgent) -> verdict. Urgent jobs have been passed over often enough: no hold on a resident stops them.
Start = Callable[[Waiting, bool], Verdict]


class FairQueue:
    """window_s, fresh_passes, hard_wait_s: see RuntimeConfig.

    The bound on waiting: a user with a queued job who has not been served for hard_wait_s goes before everyone who
    has been served more recently, and nothing else starts until that job has room.
    """

    def __init__(self, window_s: float, fresh_passes: int, hard_wait_s: float) -> None:
        self._window = window_s
        self._fresh_passes = fresh_passes
        self._hard_wait = hard_wait_s
        self._users: dict[str, User] = {}
        self._by_virtual: Ranked[User] = Ranked()
        self._by_deadline: Ranked[User] = Ranked()
        self._by_model: dict[Any, Ranked[User]] = {}
        self._idle: Ranked[User] = Ranked()
        self._virtual = 0.0
        self._running = 0
        self.count = 0

    def add(self, job: Waiting, now: float) -> None:
        """Queue a job."""
        user = self._users.get(job.user)
        if user is None:
            user = self._users[job.user] = User(job.user, self._virtual, now)
        if not user.jobs:
            self._idle.drop(user)
            user.virtual = max(user.virtual, self._virtual)
            user.fresh, user.passes, user.served = True, 0, now
        job.since = now
        user.jobs.put(job, -job.priority)
        self.count += 1
        self._index(user)

    def remove(self, job: Waiting) -> bool:
        """Take a job out, because it was cancelled; False when it is not queued."""
        user = self._users.get(job.user)
        if user is None or job not in user.jobs:
            return False
        user.jobs.drop(job)
        self.count -= 1
        self._index(user)
        return True

    def pick(self, now: float, start: Start, warm: Callable[[Any], bool]) -> Waiting | None:
        """Start one job and charge its user; None when nothing can start now.

        start: tries to give the job room, warm: whether a model is resident.
        """
        while (overdue := self._by_deadline.first()) is not None and overdue[0] <= now:
            # Room for an overdue job is waited for, not left to luck: nobody else may take it meanwhile.
            job = self._head(overdue[1])
            if (verdict := self._try(overdue[1], job, now, start, urgent=True)) is not Verdict.DROPPED:
                return job if verdict is Verdict.STARTED else None
        for user in self._candidates(warm):
            while user.jobs:
                job = self._head(user)
                urgent = not self._may_pass(user)
                if (verdict := self._try(user, job, now, start, urgent)) is Verdict.STARTED:
                    return job
                if verdict is Verdict.LATER:
                    break
        return None

    def finished(self, job: Waiting, seconds: float) -> None:
        """The job used `seconds` of the device: correct the charge made when it started."""
        user = self._users[job.user]
        user.running -= 1
        user.virtual += seconds - job.cost_s
        self._index(user)
        self._running -= 1
        if self._running == 0 and self.count == 0:
            # Nobody is owed anything once all work is done.
            self._virtual = max((user.virtual for user in self._users.values()), default=self._virtual)
            self._forget_idle()

    def ahead(self, job_user: str, job: Waiting | None) -> Iterator[Waiting]:
        """Queued jobs expected to start before `job` (None: before a new job of the user), warmth left aside."""
        mine = self._users.get(job_user)
        tag = max(mine.virtual, self._virtual) if mine is not None else self._virtual
        for other in mine.jobs if mine is not None else ():
            if other is job:
                break
            tag += other.cost_s
            yield other
        for user in self._by_virtual:
            if user is mine:
                continue
            virtual = user.virtual
            if virtual > tag:
                break
            for other in user.jobs:
                if virtual > tag or (virtual == tag and job is not None and other.since > job.since):
                    break
                virtual += other.cost_s
                yield other

    def jobs(self) -> list[Waiting]:
        """Every queued job, users in their order."""
        return [job for user in self._by_virtual for job in user.jobs]

    def _candidates(self, warm: Callable[[Any], bool]) -> list[User]:
        first = self._by_virtual.first()
        if first is None:
            return []
        least, limit = first[1], first[0] + self._window
        order: list[User] = []
        if not self._head(least).warm_key or warm(self._head(least).warm_key) or not self._may_pass(least):
            order.append(least)
        else:
            # A cheap load is not worth much waiting.
            near = min(limit, first[0] + WORTH_OF_LOAD * self._head(least).load_s)
            order.extend(user for _, user in self._warm_heads(near, warm))
            order.append(least)
        for user in self._by_virtual:
            if len(order) >= LOOK_AHEAD or user.virtual > limit:
                break
            if user not in order:
                order.append(user)
        return order

    def _warm_heads(self, limit: float, warm: Callable[[Any], bool]) -> list[tuple[float, User]]:
        """The least-served user of each resident model, nearly equal users only."""
        heads = [ranked.first() for key, ranked in self._by_model.items() if key is None or warm(key)]
        near = [head for head in heads if head is not None and head[0] <= limit]
        return sorted(near, key=lambda head: (head[0], -self._head(head[1]).priority))

    def _may_pass(self, user: User) -> bool:
        return not user.fresh or user.passes < self._fresh_passes

    def _head(self, user: User) -> Waiting:
        return next(iter(user.jobs))

    def _try(self, user: User, job: Waiting, now: float, start: Start, urgent: bool) -> Verdict:
        verdict = start(job, urgent)
        if verdict is not Verdict.LATER:
            user.jobs.drop(job)
            self.count -= 1
            if verdict is Verdict.STARTED:
                self._charge(user, job, now)
            self._index(user)
        return verdict

    def _charge(self, user: User, job: Waiting, now: float) -> None:
        least = self._by_virtual.first()
        if least is not None and least[1] is not user:
            least[1].passes += 1
        self._running += 1
        user.running += 1
        self._virtual = max(self._virtual, min(user.virtual, least[0] if least is not None else user.virtual))
        user.virtual += job.cost_s
        user.served, user.fresh, user.passes = now, False, 0
        self._forget_idle()

    def _index(self, user: User) -> None:
        """Bring the three orders in line with the user's head job."""
        if user.indexed_key in self._by_model:
            ranked = self._by_model[user.indexed_key]
            ranked.drop(user)
            if not ranked:
                del self._by_model[user.indexed_key]
        if not user.jobs:
            self._by_virtual.drop(user)
            self._by_deadline.drop(user)
            if not user.running:
                self._idle.put(user, user.virtual)
            return
        head = self._head(user)
        user.indexed_key = head.warm_key
        self._by_model.setdefault(head.warm_key, Ranked()).put(user, user.virtual)
        if self._by_virtual.rank(user) != user.virtual:
            self._by_virtual.put(user, user.virtual)
        self._by_deadline.put(user, max(head.since, user.served) + self._hard_wait)

    def _forget_idle(self) -> None:
        """An idle user without a debt is the same as one never seen."""
        while (first := self._idle.first()) is not None and first[0] <= self._virtual:
            self._idle.drop(first[1])
            del self._users[first[1].name]
