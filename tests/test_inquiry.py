"""What DNS says of a peer in the time that there is."""

import asyncio
from typing import Any

from exporter.inquiry import inquire
from exporter.model import Tlsa, TlsaRecord
from exporter.resolve import Addresses
from tests.results import peer
from tests.roster_bench import A, Names

RECORDS = Tlsa((TlsaRecord(3, 1, 1, bytes(32)),), "mail.example.test")


class Slow(Names):
    """A resolver that never answers questions of one kind."""

    def __init__(self, never: str = "") -> None:
        super().__init__()
        self.never = never
        self.answers["mail.example.test"], self.records["mail.example.test", 25] = Addresses((A,)), RECORDS

    async def addresses(self, host: str, **more: str) -> Addresses:
        if self.never == "addresses":
            await asyncio.Event().wait()
        return await super().addresses(host, **more)

    async def tlsa(self, host: str, port: int, found: Addresses) -> Tlsa:
        if self.never == "tlsa":
            await asyncio.Event().wait()
        return await super().tlsa(host, port, found)


async def asked(never: str = "", patience: float = 5.0, **more: Any) -> tuple[Addresses, Tlsa]:
    resolver: Any = Slow(never)
    return await inquire(resolver, peer(), patience, **more)


async def test_both_are_told() -> None:
    assert await asked() == (Addresses((A,)), RECORDS)


async def test_records_that_do_not_matter_are_not_asked_for() -> None:
    assert await asked("tlsa", tlsa=Tlsa(none="not used")) == (Addresses((A,)), Tlsa(none="not used"))


async def test_addresses_that_come_too_late_are_those_known_from_before() -> None:
    found, tlsa = await asked("addresses", patience=0.01, known=("192.0.2.7",))
    assert found.addresses == ("192.0.2.7",)
    assert found.problem
    assert found.problem.detail == "mail.example.test: no answer within 0.01 s"
    assert tlsa == Tlsa()


async def test_records_that_come_too_late_are_a_doubt_and_no_more() -> None:
    found, tlsa = await asked("tlsa", patience=0.01)
    assert found == Addresses((A,))
    assert tlsa.problem
    assert (tlsa.problem.detail, tlsa.remembered) == ("TLSA of mail.example.test:25: no answer within 0.01 s", True)
