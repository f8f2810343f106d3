"""What is known of DNS: each answer kept for its TTL, each question asked once at a time, few at the same time.

Records outlive a nameserver's failure by an hour (RFC 8767), never its word that they are gone. Knows names and
record types only: what an answer means for a host or a mail domain is decided by the readers of it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from exporter.resolve.answer import Answer, Record, Said, Type, weight
from exporter.resolve.ask import ask
from exporter.resolve.bounded import Bounded
from exporter.resolve.ears import Ears
from exporter.resolve.files import Nameserver

LIFETIME: dict[Said, tuple[float, float]] = {
    "ok": (5, 3600),  # TTL 0 is no reason to ask at every probe
    "nxdomain": (5, 60),  # a monitor wants to see it appear
    "nodata": (5, 60),
    "failure": (10, 10),  # RFC 2308 7: at most five minutes
    "bogus": (10, 10),
    "timeout": (10, 120),  # RFC 2308 7.2: the same
}
"""Seconds that an answer is kept at least and at most, but for the jitter, whatever its TTL. A time-out holds a slot
for long, so those of a name that is never answered are kept ever longer: dead names must keep nobody waiting."""
JITTER = 0.1
"""The part of that by which it is shortened at most, at random."""
REMEMBERED = 3600.0
"""Seconds that records may be used after they expired, while nothing newer is to be had."""
SILENCE = 30.0
"""Seconds without any answer from any nameserver after which they count as unavailable."""
WHILE_NOBODY_WAITS: frozenset[Type] = frozenset({"MX", "TXT"})
"""What is asked for domains, not for a probe that waits. These, and names that were not answered last time, let the
others go first."""
PATIENT_SHARE = 0.9
"""And are at most this part of what is asked at a time: a list of domains has dead ones, which take all their time."""


@dataclass(frozen=True, slots=True)
class Known:
    """The last answer to a question, fresh until `expires` (on the passed clock).

    `records` are those of the answer; where it failed, those of an earlier one.
    """

    answer: Answer
    expires: float
    records: tuple[Record, ...] = ()
    alias: str = ""
    authentic: bool = False
    """They, or that there are none, came with the AD flag."""
    until: float = 0.0
    """Where it failed: when those of an earlier one are too old; 0 where there is none."""
    epoch: int = 0
    silences: int = 0
    """How many times in a row nobody answered."""

    @property
    def failed(self) -> bool:
        """No nameserver told what is the case."""
        return self.answer.said in {"failure", "bogus", "timeout"}

    @property
    def forgotten(self) -> float:
        """Until when the records may be used while nothing newer is to be had; 0 where there are none."""
        return self.until if self.failed else self.expires + REMEMBERED


Flight = tuple[str, Type, int]
"""A question, and which nameservers it is for."""


class Lookups:
    """The one place that asks nameservers. `count` is told the type and the result of each question asked.

    `jitter` gives numbers from 0 to 1: what was learnt together must not be asked for together for ever.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        limit: int,
        timeout: float,
        count: Callable[[str, str], None] | None,
        jitter: Callable[[], float],
    ) -> None:
        self._clock, self._timeout, self._jitter = clock, timeout, jitter
        self._count = count or (lambda _type, _result: None)
        self._servers: Sequence[Nameserver] = ()
        self._epoch, self._ears = 0, Ears()
        self._known: Bounded[tuple[str, Type], Known] = Bounded(lambda known: sum(map(weight, known.records)))
        self._waiting: dict[Flight, list[asyncio.Future[Known]]] = {}
        """Who waits for each question that is asked or to be asked."""
        self._queue: deque[Flight] = deque()
        self._patient: deque[Flight] = deque()
        self._patiently = 0
        """How many of those are asked now."""
        self._limit, self._workers = limit, set[asyncio.Task[None]]()
        self._hired = self._busy = 0
        """How many workers there are, and how many of them have a question."""
        self._asking = 0
        self._heard = -math.inf
        self._silent_from = self._silent_to = math.inf

    def use(self, servers: Sequence[Nameserver]) -> None:
        """Ask these from now on. Where they are others than before, what is known counts as expired.

        Nobody joins a question that was put to the others.
        """
        if servers != self._servers:
            self._servers = servers
            self._epoch += 1

    def limit(self, limit: int) -> None:
        """Ask so many questions at a time from now on; those under way end as they would."""
        self._limit = limit
        self._hire()

    @property
    def unavailable(self) -> bool:
        """Questions were asked over 30 s and more, and no nameserver answered any of them."""
        return self._silent_to - self._silent_from >= SILENCE

    def start(self, name: str, rdtype: Type) -> "Known | asyncio.Future[Known]":
        """What is known, or what will be: begins a lookup, or joins the one under way. Who gives up ends his own."""
        if known := self.ahead(name, rdtype):
            return known
        future: asyncio.Future[Known] = asyncio.get_running_loop().create_future()
        self._waiting[name, rdtype, self._epoch].append(future)
        return future

    def ahead(self, name: str, rdtype: Type) -> Known | None:
        """What is known; else begin a lookup that somebody is about to wait for, unless it is under way."""
        known = self._known.get((name, rdtype))
        if known and self._clock() < known.expires and known.epoch == self._epoch:
            return known
        flight = (name, rdtype, self._epoch)
        if flight not in self._waiting:
            self._waiting[flight] = []
            patient = rdtype in WHILE_NOBODY_WAITS or (known is not None and known.silences > 0)
            (self._patient if patient else self._queue).append(flight)
            self._hire()
        return None

    async def every(self, *questions: tuple[str, Type]) -> list[Known]:
        """Ask all of these at the same time, and wait for all answers."""
        told = [self.start(name, rdtype) for name, rdtype in questions]
        return [each if isinstance(each, Known) else await each for each in told]

    async def close(self) -> None:
        """End the lookups under way, and the waiting for them."""
        for worker in self._workers:
            worker.cancel()
        for each in chain.from_iterable(self._waiting.values()):
            each.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._waiting.clear()
        self._ears.close()

    def _hire(self) -> None:
        """Have questions asked at the same time, as many as there are and may be."""
        wanted = len(self._queue) + min(len(self._patient), self._room_for_patient)
        about_to_begin = self._hired - self._busy
        for _ in range(min(wanted - about_to_begin, self._limit - self._hired)):
            self._hired += 1
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Ask one question after the other: tens of thousands of tasks that wait for their turn would be dear."""
        while self._hired <= self._limit and (queue := self._next()):
            flight, patient = queue.popleft(), queue is self._patient
            told: Known | Exception
            self._busy += 1
            self._patiently += patient
            try:
                told = await self._look_up(*flight[:2])
            except Exception as error:  # noqa: BLE001 - a mistake of ours: told to those who wait
                told = error
            self._busy -= 1
            self._patiently -= patient
            for each in self._waiting.pop(flight):
                if not each.done():
                    each.set_result(told) if isinstance(told, Known) else each.set_exception(told)
        self._hired -= 1

    def _next(self) -> deque[Flight] | None:
        """Where the question stands that is to be asked next."""
        if self._queue:
            return self._queue
        return self._patient if self._patient and self._room_for_patient > 0 else None

    @property
    def _room_for_patient(self) -> int:
        return max(1, int(PATIENT_SHARE * self._limit)) - self._patiently

    async def _look_up(self, name: str, rdtype: Type) -> Known:
        """Ask, count, and remember. While all are silent, one question at a time goes out to see whether they are."""
        asked, epoch = self._clock(), self._epoch
        if self.unavailable and self._asking:
            silent = Answer("timeout", detail=f"{rdtype} {name}: not asked, no nameserver answers any question")
            return self._learnt((name, rdtype), silent, asked, epoch)
        self._asking += 1
        try:
            answer = await ask(name, rdtype, self._servers, self._timeout, self._ears)
        finally:
            self._asking -= 1
        self._count(rdtype, answer.said)
        self._listen(asked, heard=answer.said != "timeout")
        before = self._known.get((name, rdtype))
        silences = before.silences + 1 if before else 1
        kept = self._lifetime(rdtype, answer, silences) * (1 - JITTER * self._jitter())
        known = self._learnt((name, rdtype), answer, self._clock() + kept, epoch)
        if answer.said == "timeout":
            known = replace(known, silences=silences)
        self._known.put((name, rdtype), known)
        return known

    @staticmethod
    def _lifetime(rdtype: Type, answer: Answer, silences: int) -> float:
        """For how many seconds an answer is kept at most."""
        least, most = LIFETIME[answer.said]
        if answer.said == "timeout":
            return min(least * 2.0 ** min(silences - 1, 10), most)
        if rdtype in {"TLSA", "TXT"} and answer.said in {"nxdomain", "nodata"}:
            most = LIFETIME["ok"][1]  # most hosts and domains have none, and nobody waits for them to appear
        return min(max(answer.ttl, least), most)

    def _learnt(self, key: tuple[str, Type], answer: Answer, expires: float, epoch: int) -> Known:
        """The answer, with the records of an earlier one where it failed and they are not too old."""
        before = self._known.get(key)
        known = Known(answer, expires, answer.records, answer.alias, answer.authentic, epoch=epoch)
        if known.failed and before and self._clock() < before.forgotten:
            earlier = {name: getattr(before, name) for name in ("records", "alias", "authentic")}
            return replace(known, until=before.forgotten, **earlier)
        return known

    def _listen(self, asked: float, *, heard: bool) -> None:
        """Note when nameservers were heard, and since when they are not."""
        if heard:
            self._heard, self._silent_from, self._silent_to = self._clock(), math.inf, math.inf
        elif self._silent_from == math.inf:
            self._silent_from, self._silent_to = max(asked, self._heard), self._clock()
        else:
            self._silent_to = self._clock()
