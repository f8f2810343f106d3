import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from exporter.resolve import ask as asking
from exporter.resolve.answer import Answer, Type
from exporter.resolve.ears import Ears
from exporter.resolve.files import Nameserver, nameserver
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.resolve.conftest import ScriptedDns


async def ask(name: str, rdtype: Type, servers: list[Nameserver], patience: float) -> Answer:
    """Ask as one who asks nothing else."""
    ears = Ears()
    try:
        return await asking.ask(name, rdtype, servers, patience, ears)
    finally:
        ears.close()


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A loopback address and port that refuses. A socket that hears only itself holds it, so that nobody takes it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        yield f"127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize(
    ("script", "said", "ttl", "detail"),
    [
        pytest.param("192.0.2.1", "ok", 300, "", id="an address"),
        pytest.param("truncated 192.0.2.1", "ok", 300, "", id="truncated: over TCP"),
        pytest.param("damaged and forged first", "ok", 300, "", id="damaged and forged answers are passed over"),
        pytest.param(
            "a.example. 60 CNAME b.example.; b.example. 20 CNAME c.example.; c.example. 90 A 192.0.2.1;",
            "ok",
            20,
            "",
            id="aliases: the shortest TTL on the way",
        ),
        pytest.param("NXDOMAIN", "nxdomain", 30, "a.example does not exist (NXDOMAIN)", id="no such name"),
        pytest.param("NODATA", "nodata", 30, "a.example has no A record", id="no such record"),
        pytest.param(
            "a.example. 60 CNAME b.example.;",
            "nodata",
            60,
            "a.example is an alias of b.example, which has no A record",
            id="an alias of a name without record",
        ),
        pytest.param(
            "a.example. 60 CNAME b.example.; b.example. 20 CNAME a.example.;",
            "failure",
            0,
            "A a.example: aliases in a loop, or an answer that contradicts itself from {server}",
            id="aliases in a loop",
        ),
        pytest.param("SERVFAIL", "failure", 0, "A a.example: SERVFAIL from {server}", id="SERVFAIL"),
        pytest.param(
            "heavy",
            "failure",
            0,
            "A a.example: an answer that cannot be understood from {server}",
            id="too much to read",
        ),
        pytest.param(
            "referral",
            "failure",
            0,
            "A a.example: a referral (it does not recurse) from {server}",
            id="a server that does not recurse",
        ),
    ],
)
async def test_what_a_nameserver_says(
    dns_server: "ScriptedDns", script: str, said: str, ttl: float, detail: str
) -> None:
    dns_server.says["a.example A"] = script
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)
    assert (answer.said, answer.detail) == (said, detail.format(server=dns_server.address))
    assert answer.ttl == ttl


async def test_a_truncated_answer_is_asked_for_over_tcp(dns_server: "ScriptedDns") -> None:
    dns_server.says["a.example MX"] = "truncated " + ", ".join(f"{n} mx{n}.example." for n in range(1000))
    answer = await ask("a.example", "MX", [nameserver(dns_server.address)], PATIENCE)
    assert (len(answer.records), len(dns_server.over_tcp)) == (1000, 1)


async def test_what_is_truncated_over_tcp_too_says_nothing(dns_server: "ScriptedDns") -> None:
    dns_server.says["a.example MX"] = "truncated always"
    answer = await ask("a.example", "MX", [nameserver(dns_server.address)], PATIENCE)
    told = f"an answer that cannot be understood from {dns_server.address}"
    assert (answer.said, answer.detail) == ("failure", f"MX a.example: {told}")


@pytest.mark.parametrize("rdtype", ["A", "AAAA", "MX", "TXT", "TLSA", "CNAME"])
@pytest.mark.parametrize(
    ("tcp", "how"), [("refused", "refused"), ("closed", "closed"), ("silent", "not answered")], ids=lambda text: text
)
async def test_a_truncated_answer_without_tcp_is_a_failure_not_silence(
    dns_server: "ScriptedDns", tcp: str, how: str, rdtype: Type
) -> None:
    dns_server.says[f"a.example {rdtype}"], dns_server.tcp = "truncated NODATA", tcp
    if tcp == "refused":
        dns_server.refuse_tcp()
    answer = await ask("a.example", rdtype, [nameserver(dns_server.address)], 3)
    told = f"{rdtype} a.example: truncated, and TCP is {how}: {dns_server.address}"
    assert (answer.said, answer.detail, len(dns_server.asked)) == ("failure", told, 1)


async def test_where_one_nameserver_truncates_and_refuses_tcp_the_next_one_is_asked(
    dns_server: "ScriptedDns", second_dns_server: "ScriptedDns"
) -> None:
    dns_server.says["a.example A"], second_dns_server.says["a.example A"] = "truncated NODATA", "192.0.2.2"
    dns_server.refuse_tcp()
    servers = [nameserver(dns_server.address), nameserver(second_dns_server.address)]
    assert (await ask("a.example", "A", servers, 0.9)).records == ("192.0.2.2",)


async def test_a_long_answer_is_not_asked_for_again_because_we_are_slow_to_understand_it(
    dns_server: "ScriptedDns", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(function: Callable[..., object], *args: object) -> object:
        await asyncio.sleep(0.5)
        return function(*args)

    monkeypatch.setattr("asyncio.to_thread", slowly)
    dns_server.says["a.example A"] = "truncated 192.0.2.1"
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], 0.6)
    assert (answer.said, len(dns_server.over_tcp)) == ("ok", 1)


@pytest.mark.parametrize("rdtype", ["A", "MX"])
@pytest.mark.parametrize("servers", [1, 2, 3])
async def test_a_server_that_drops_edns_is_asked_once_without_it(
    dns_server: "ScriptedDns", rdtype: Type, servers: int, closed_port: str
) -> None:
    dns_server.says[f"a.example {rdtype}"] = "drops EDNS, NODATA"
    dead = [nameserver(closed_port)] * (servers - 1)
    answer = await ask("a.example", rdtype, [*dead, nameserver(dns_server.address)], 3)
    assert (answer.said, len(dns_server.asked)) == ("nodata", 2)


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "BADVERS"])
async def test_a_server_that_refuses_edns_is_asked_once_without_it(dns_server: "ScriptedDns", rcode: str) -> None:
    dns_server.says["a.example A"] = f"to EDNS {rcode}, 192.0.2.1"
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)
    assert (answer.said, len(dns_server.asked)) == ("ok", 2)


@pytest.mark.parametrize("way", ["", "truncated "], ids=["UDP", "TCP"])
async def test_an_answer_that_would_be_too_much_work_is_not_read(dns_server: "ScriptedDns", way: str) -> None:
    dns_server.says["a.example MX"] = way + ", ".join(f"{n} {'a.' * 110}example." for n in range(10))
    answer = await ask("a.example", "MX", [nameserver(dns_server.address)], PATIENCE)
    told = f"an answer that cannot be understood from {dns_server.address}"
    assert (answer.said, answer.detail) == ("failure", f"MX a.example: {told}")


async def test_others_run_between_the_datagrams_of_a_flood(dns_server: "ScriptedDns") -> None:
    dns_server.says["a.example A"] = "flood"
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    assert (await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)).said == "ok"
    task.cancel()
    assert turns > 100


@pytest.mark.parametrize("first", ["SERVFAIL", "REFUSED", "referral", "silence"])
async def test_where_one_nameserver_does_not_tell_the_next_one_is_asked(
    dns_server: "ScriptedDns", second_dns_server: "ScriptedDns", first: str
) -> None:
    dns_server.says["a.example A"] = first
    second_dns_server.says["a.example A"] = "192.0.2.2"
    servers = [nameserver(dns_server.address), nameserver(second_dns_server.address)]
    assert (await ask("a.example", "A", servers, 0.9)).said == "ok"


async def test_a_lost_datagram_is_sent_again(dns_server: "ScriptedDns") -> None:
    dns_server.says["a.example A"] = "silence"
    asking = asyncio.create_task(ask("a.example", "A", [nameserver(dns_server.address)], 0.9))
    await dns_server.until_asked(1)
    dns_server.says["a.example A"] = "192.0.2.1"
    assert (await asking).said == "ok"


async def test_silence_is_a_time_out(dns_server: "ScriptedDns") -> None:
    dns_server.says["a.example A"] = "silence"
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], 0.05)
    assert (answer.said, answer.detail) == ("timeout", f"A a.example: no answer from {dns_server.address}")
    assert (len(dns_server.asked), len(dns_server.without_edns)) == (4, 1)


async def test_a_nameserver_that_does_not_run_is_a_time_out_and_the_detail_says_why(closed_port: str) -> None:
    answer = await ask("a.example", "A", [nameserver(closed_port)], PATIENCE)
    detail = f"A a.example: no answer from {closed_port} (Connection refused)"
    assert (answer.said, answer.detail) == ("timeout", detail)


async def test_one_that_fails_and_one_that_is_silent_are_a_failure(dns_server: "ScriptedDns", closed_port: str) -> None:
    dns_server.says["a.example A"] = "SERVFAIL"
    answer = await ask("a.example", "A", [nameserver(closed_port), nameserver(dns_server.address)], PATIENCE)
    told = f"no answer from {closed_port} (Connection refused); SERVFAIL from {dns_server.address}"
    assert (answer.said, answer.detail) == ("failure", f"A a.example: {told}")


@pytest.mark.parametrize("name", ["a..example", "x" * 64, "a." * 130])
async def test_what_is_no_domain_name_does_not_exist(dns_server: "ScriptedDns", name: str) -> None:
    answer = await ask(name, "A", [nameserver(dns_server.address)], PATIENCE)
    assert (answer.said, dns_server.asked) == ("nxdomain", [])


# --- DNSSEC ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("says", ["192.0.2.1", "NODATA", "NXDOMAIN", "truncated 192.0.2.1"])
async def test_whether_the_answer_is_said_to_be_authentic(dns_server: "ScriptedDns", says: str) -> None:
    for script, authentic in ((f"signed {says}", True), (says, False)):
        dns_server.says["a.example A"] = script
        answer = await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)
        assert answer.authentic is authentic


@pytest.mark.parametrize("unchecked", ["192.0.2.1", "NODATA", "NXDOMAIN"])
async def test_what_is_told_only_unchecked_is_bogus(dns_server: "ScriptedDns", unchecked: str) -> None:
    dns_server.says |= {"a.example A": "bogus", "a.example A CD": unchecked}
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)
    told = f"SERVFAIL, EDE 6 (DNSSEC Bogus): signature \\027[31mexpired from {dns_server.address}"
    assert (answer.said, answer.detail) == ("bogus", f"bogus: A a.example: {told}")
    assert not answer.records
    assert (dns_server.asked, dns_server.unchecked) == (["a.example A"] * 2, ["a.example A"])


async def test_a_server_that_has_recovered_meanwhile_said_nothing_bogus(dns_server: "ScriptedDns") -> None:
    dns_server.says |= {"a.example A": "once SERVFAIL, then 192.0.2.1", "a.example A CD": "192.0.2.1"}
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)
    assert (answer.said, len(answer.records)) == ("ok", 1)


async def test_refused_is_not_asked_unchecked(dns_server: "ScriptedDns") -> None:
    dns_server.says |= {"a.example A": "REFUSED", "a.example A CD": "192.0.2.1"}
    assert (await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)).said == "failure"
    assert not dns_server.unchecked


@pytest.mark.parametrize("truncated", ["", "truncated "])
async def test_a_record_that_cannot_be_read_is_a_failure_at_once(dns_server: "ScriptedDns", truncated: str) -> None:
    dns_server.says["a.example A"] = f"{truncated}octets 7f0001"
    answer = await ask("a.example", "A", [nameserver(dns_server.address)], PATIENCE)
    assert answer.said == "failure"
    assert answer.detail == f"A a.example: an answer that cannot be understood from {dns_server.address}"


async def test_tlsa_records_that_nobody_can_use_are_records_all_the_same(dns_server: "ScriptedDns") -> None:
    dns_server.says["_25._tcp.a.example TLSA"] = "signed octets 030101ab 0301 - 090909"
    answer = await ask("_25._tcp.a.example", "TLSA", [nameserver(dns_server.address)], PATIENCE)
    assert (answer.said, len(answer.records), answer.authentic) == ("ok", 4, True)
