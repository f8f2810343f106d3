"""Names to addresses, as the operator's system would find them: hosts file, search list, DNS; cached and bounded.

Joins the parts of this package. Never raises for what DNS did: what went wrong is in the answer.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

from exporter.model import Exchanges, Tlsa
from exporter.reasons import Reason
from exporter.resolve.addresses import TYPES, Addresses, Family, Mode, ended, literal, of_family, read
from exporter.resolve.answer import Type, weight
from exporter.resolve.bounded import Bounded
from exporter.resolve.exchanges import exchanges
from exporter.resolve.files import Followed, nameserver, parse_hosts, parse_resolv_conf
from exporter.resolve.lookups import Lookups
from exporter.resolve.texts import Texts, texts
from exporter.resolve.tlsa import NOT_SIGNED, NOT_TESTABLE, tlsa

LOOK_AT_FILES_EVERY = 1.0
HOSTS_FILE_FRESH = 5.0
LOCAL = frozenset({"127.0.0.1", "::1"})
WEIGHTIEST = (Reason.DNSSEC_INVALID, Reason.DNS_FAILURE, Reason.DNS_NO_ADDRESS, Reason.DNS_NOT_FOUND)


class Resolver:
    """Answers from the cache without waiting, or by asking nameservers.

    `nameservers` are written `address` or `address:port` and replace those of resolv.conf (ValueError for anything
    else); its search list holds all the same. `timeout` is for one question, all nameservers and tries together.
    `on_lookup` is told type (A, MX, ...) and result (ok, nxdomain, nodata, failure, bogus, timeout) of each one asked.
    `trusted`: whether what the nameservers say of DNSSEC is believed; None: where all of them are on this machine.
    `jitter` gives numbers from 0 to 1, the parts of a tenth by which answers are kept shorter than their TTL.
    """

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        *,
        max_lookups: int = 50,
        clock: Callable[[], float] = time.monotonic,
        hosts_file: Path = Path("/etc/hosts"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
        timeout: float = 5.0,
        on_lookup: Callable[[str, str], None] | None = None,
        trusted: bool | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._trusts = trusted
        self._lookups = Lookups(clock, max_lookups, timeout, on_lookup, jitter)
        self._given = tuple(nameserver(text) for text in nameservers)
        self._hosts = Followed(hosts_file, parse_hosts)
        self._conf = Followed(resolv_conf, parse_resolv_conf)
        self._answers: Bounded[tuple[str, Mode, Family], Addresses]
        self._tlsa: Bounded[tuple[str, int, str, bool], tuple[Tlsa, float]]
        self._forget()
        self._look_at = -math.inf
        self.mx_on_this_machine = False
        """Whether the exchanges of mail domains may be on loopback."""
        self.trusted = False
        """Whether what the nameservers say of DNSSEC is believed."""
        self._ask_nameservers()

    def use(self, nameservers: Sequence[str], *, max_lookups: int, trusted: bool | None = None) -> None:
        """Go by these settings from now on; what is known stays known, as where resolv.conf changes."""
        self._trusts, self._look_at = trusted, -math.inf
        given = tuple(nameserver(text) for text in nameservers)
        if given != self._given:
            self._given = given
            self._forget()
        self._lookups.limit(max_lookups)

    @property
    def unavailable(self) -> bool:
        """No nameserver answered anything for 30 s, though it was asked."""
        return self._lookups.unavailable

    def cached(self, host: str, *, mode: Mode, family: Family) -> Addresses | None:
        """The answer, where it is to be had without waiting: it is fresh, a literal, or in the hosts file."""
        now = self._clock()
        self._follow(now)
        found = self._answers.get((host, mode, family))
        if found is not None and now < found.expires:
            return found
        return self._at_once(host, mode, family, now)

    async def addresses(self, host: str, *, mode: Mode, family: Family) -> Addresses:
        """The answer for a lower-case host name without a trailing dot, or an IP literal."""
        found = self.cached(host, mode=mode, family=family)
        if found is None:
            answers = self._answers
            found = await self._search(host, mode, family)
            answers.put((host, mode, family), found)
        return found

    async def exchanges(self, domain: str) -> Exchanges:
        """The mail exchanges of a domain, a lower-case A-label name without a trailing dot."""
        self._follow(self._clock())
        found = await exchanges(self._lookups, domain, on_this_machine=self.mx_on_this_machine)
        return replace(found, secure=found.secure and self.trusted)

    def left(self, expires: float) -> float:
        """Seconds until what the resolver said expires; negative afterwards."""
        return expires - self._clock()

    def ahead(self, *questions: tuple[str, Type]) -> None:
        """Begin to ask what somebody is about to ask for, one after the other."""
        self._follow(self._clock())
        for name, rdtype in questions:
            self._lookups.ahead(name, rdtype)

    async def texts(self, name: str) -> Texts:
        """The TXT records of a lower-case A-label name without a trailing dot."""
        self._follow(self._clock())
        return await texts(self._lookups, name)

    def cached_tlsa(self, host: str, port: int, found: Addresses) -> Tlsa | None:
        """The TLSA records of a host with these addresses, where they are to be had without waiting."""
        if not self.trusted:
            return NOT_TESTABLE
        if not (found.authentic or found.alias):
            return NOT_SIGNED
        told, expires = self._tlsa.get((host, port, found.alias, found.authentic)) or (NOT_SIGNED, -math.inf)
        return told if self._clock() < expires else None

    async def tlsa(self, host: str, port: int, found: Addresses) -> Tlsa:
        """The TLSA records of a host that has these addresses. Asked for only where they are DNSSEC-secure."""
        told = self.cached_tlsa(host, port, found)
        if told is None:
            known = self._tlsa
            told, expires = await tlsa(self._lookups, host, port, found)
            known.put((host, port, found.alias, found.authentic), (told, expires))
        return told

    async def close(self) -> None:
        """End the lookups under way; those who wait for one are cancelled."""
        await self._lookups.close()

    def _follow(self, now: float) -> None:
        """Read hosts file and resolv.conf again where they changed, looking at most once a second."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_AT_FILES_EVERY
        if self._hosts.look() | self._conf.look():
            self._forget()
        self._ask_nameservers()

    def _ask_nameservers(self) -> None:
        """Ask those of now. What one on this machine says nobody can have changed on the way."""
        servers = self._given or self._conf.content.nameservers
        self._lookups.use(servers)
        on_this_machine = all(server.sockaddr[0] in LOCAL for server in servers)
        self.trusted = on_this_machine if self._trusts is None else self._trusts

    def _forget(self) -> None:
        """Begin anew: what is still being asked the old way goes to the old ones."""
        self._answers = Bounded(lambda found: len(found.addresses))
        self._tlsa = Bounded(lambda told: sum(weight(each.data) for each in told[0].records))

    def _at_once(self, host: str, mode: Mode, family: Family, now: float) -> Addresses | None:
        """The answer for a literal or from the hosts file; a name that is in it for that family is not looked up."""
        found = literal(host, family)
        if found is None and mode == "system":
            listed = of_family(self._hosts.content.get(host, ()), family)
            found = Addresses(listed, None, now + HOSTS_FILE_FRESH) if listed else None
        if found is not None:
            self._answers.put((host, mode, family), found)
        return found

    async def _search(self, host: str, mode: Mode, family: Family) -> Addresses:
        """Look the names of the search list up until one has addresses (resolv.conf(5)), as glibc's res_search does.

        Where none has: the verdict of the name as it stands where that was tried first, else the weightiest. A
        time-out ends the search, for the other names would time out as well.
        """
        names = self._conf.content.names(host) if mode == "system" else (host,)
        verdicts: list[tuple[int, Addresses]] = []
        for name in names:
            found = read(await self._lookups.every(*((name, rdtype) for rdtype in TYPES[family])))
            if found.addresses or found.problem is None or found.problem.reason is Reason.DNS_TIMEOUT:
                return found
            verdicts.append((WEIGHTIEST.index(found.problem.reason), found))
        _, verdict = verdicts[0] if names[0] == host else min(verdicts, key=itemgetter(0))
        if verdict.problem is None or len(names) == 1:
            return verdict
        detail = f"{verdict.problem.detail}; tried {', '.join(names)}"
        return replace(verdict, problem=ended(verdict.problem.reason, detail))
