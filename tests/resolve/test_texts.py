"""TXT records: what hostile and ordinary answers come to."""

from typing import TYPE_CHECKING

import pytest

from exporter.resolve import Resolver

if TYPE_CHECKING:
    from tests.resolve.conftest import Clock, ScriptedDns

NAME = "_mta-sts.d.example"
HUGE = " ".join(['"' + "x" * 255 + '"'] * 250)


@pytest.mark.parametrize(
    ("says", "texts", "reason"),
    [
        pytest.param("NXDOMAIN", (), "", id="no such name"),
        pytest.param("NODATA", (), "", id="no such record"),
        pytest.param(f'{NAME}. 60 TXT "v=STSv1;id=1";', ("v=STSv1;id=1",), "", id="one"),
        pytest.param(f'{NAME}. 60 TXT "v=STS" "v1;id=1";', ("v=STSv1;id=1",), "", id="strings of one are joined"),
        pytest.param(f'{NAME}. 60 TXT "a"; {NAME}. 60 TXT "b";', ("a", "b"), "", id="two"),
        pytest.param(f'{NAME}. 60 CNAME h.x.; h.x. 60 TXT "a";', ("a",), "", id="an alias"),
        pytest.param(f"{NAME}. 60 CNAME {NAME}.;", (), "dns_failure", id="an alias of itself"),
        pytest.param(f"{NAME}. 60 CNAME b.x.; b.x. 60 CNAME {NAME}.;", (), "dns_failure", id="aliases in a loop"),
        pytest.param(f'{NAME}. 60 TXT "\\255\\000\\027";', ("\xff\x00\x1b",), "", id="octets that are no text"),
        pytest.param(f"truncated {NAME}. 60 TXT {HUGE};", ("x" * 63750,), "", id="64 KiB, over TCP"),
        pytest.param("SERVFAIL", (), "dns_failure", id="a failure"),
        pytest.param("bogus", (), "dns_failure", id="a failure with a word on DNSSEC"),
    ],
)
async def test_the_texts_of_a_name(
    resolver: Resolver, dns_server: "ScriptedDns", says: str, texts: tuple[str, ...], reason: str
) -> None:
    dns_server.says[f"{NAME} TXT"] = says
    found = await resolver.texts(NAME)
    assert found.texts == texts
    assert (found.problem.reason if found.problem else "") == reason
    assert found.known is not reason.startswith("dns")


async def test_texts_of_old_stand_while_dns_fails(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says[f"{NAME} TXT"] = f'{NAME}. 60 TXT "a";'
    await resolver.texts(NAME)
    dns_server.says[f"{NAME} TXT"] = "SERVFAIL"
    clock.now += 61
    found = await resolver.texts(NAME)
    assert (found.texts, found.known) == (("a",), True)
    assert found.problem


@pytest.mark.parametrize(("seconds", "asked"), [(29, 1), (31, 2)])
async def test_that_there_is_none_is_kept_as_long_as_its_zone_says(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock", seconds: float, asked: int
) -> None:
    await resolver.texts(NAME)
    clock.now += seconds
    await resolver.texts(NAME)
    assert len(dns_server.asked) == asked


async def test_with_ttl_0_it_is_not_asked_at_every_turn(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says[f"{NAME} TXT"] = f'{NAME}. 0 TXT "a";'
    await resolver.texts(NAME)
    clock.now += 4
    await resolver.texts(NAME)
    assert len(dns_server.asked) == 1


async def test_long_records_take_the_room_of_many(
    resolver: Resolver, dns_server: "ScriptedDns", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.resolve.bounded.CAPACITY", 1000)
    for number in range(5):
        dns_server.says[f"d{number}.example TXT"] = f"truncated d{number}.example. 60 TXT {HUGE};"
        await resolver.texts(f"d{number}.example")
    assert len(resolver._lookups._known) == 3
