"""DANE as senders see it: Knot signs, Unbound validates, Postfix serves, and three clients that must agree.

Each case is a host CASE.good.test, alone the MX of of-CASE.good.test. Ours is asked for the domain, as posttls-finger,
which is Postfix's own client; `openssl s_client` is given the records of the zone. Where one of them says something
else, the case says why.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prometheus_client.samples import Sample

from exporter.simulated.certificates import DAY, KINDS, Credentials, Kind, Zoo
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.real.dnssec import UNBOUND, Zone, publish, run_dnssec
from tests.real.knot import KNOTD
from tests.real.namespaces import Namespace, cable, can_have_namespaces
from tests.real.postfix import environment, run_listeners
from tests.real.processes import PACKAGES, Server, running, wait_until
from tests.real.test_blocked import COMMAND, scraped

ZONE, CLIENT = "good.test", "198.51.100.99"
FITS, FITS_NOT, NO_ANSWER = "fits", "fits not", "no answer"
"""What a sender finds: it may deliver to whom DNS names, it may not be sure to whom, it may not deliver."""

SERVERS: Mapping[str, Kind | None] = {
    "good": Kind(),
    "renewed": Kind(),
    "with_root": Kind(),
    "alone": Kind(sends_chain=False),
    "self_signed": Kind(issuer=None),
    "expired": KINDS["expired"],
    "not_yet_valid": KINDS["not_yet_valid"],
    "another_name": Kind(names=("other.example.org",)),
    "of_its_domain": Kind(names=("of-ta-of-the-domain.good.test",)),
    "old_authority": Kind(issuer="old_intermediate"),
    "old_root": None,
    "client_only": KINDS["client_only"],
    "in_clear": None,
}
"""What each Postfix serves, on port 25 of an address of its own; None: made below, or no STARTTLS."""
ADDRESSES = {name: f"198.51.100.{10 + number}" for number, name in enumerate(SERVERS)}


class Case(NamedTuple):
    """What a host serves and what DNS says of it, and what is to be found out.

    `records` are written "3 1 1 good": that of a server's certificate, or of one of the zoo. `valid` is the value of
    smtp_dane_valid, `problems` those of the endpoint. What an oracle says otherwise stands with the reason.
    """

    server: str
    records: tuple[str, ...]
    valid: bool | None
    problems: tuple[str, ...] = ()
    openssl: tuple[str, str] | None = None
    posttls: tuple[str, str] | None = None
    zone: str = "good.test"
    domain_zone: str = "good.test"
    domain_problems: tuple[str, ...] = ()

    @property
    def found(self) -> str:
        """What we say, in the words of all three."""
        if "dnssec_invalid" in (*self.problems, *self.domain_problems):
            return NO_ANSWER
        return FITS if self.valid else FITS_NOT


OLD_ROOT = replace(KINDS["root"], ends=-10 * DAY, subject="Example Root CA of last year")
FOR_PKIX = "OpenSSL serves all protocols; SMTP does not use PKIX-TA and PKIX-EE (RFC 7672 3.1.3)"
NO_MORE = "Postfix looks at the first 100 records of an answer"
ONE_NAME = "s_client looks for the name of the host only, and not for that of the mail domain (RFC 7672 3.2.2)"


def right(server: str, *records: str, **more: Any) -> Case:
    return Case(server, records, valid=True, **more)


def wrong(server: str, *records: str) -> Case:
    return Case(server, records, valid=False, problems=("tlsa_invalid",))


def unusable(server: str, *records: str, **more: Any) -> Case:
    return Case(server, records, valid=False, **more)


CASES: Mapping[str, Case] = {
    # --- DANE-EE: nothing matters but the certificate or its key
    "ee-key": right("good", "3 1 1 good"),
    "ee-key-512": right("good", "3 1 2 good"),
    "ee-key-whole": right("good", "3 1 0 good"),
    "ee-certificate": right("good", "3 0 1 good"),
    "ee-certificate-512": right("good", "3 0 2 good"),
    "ee-certificate-whole": right("good", "3 0 0 good"),
    "ee-another-key": wrong("good", "3 1 1 renewed"),
    "ee-another-certificate": wrong("good", "3 0 2 renewed"),
    "ee-of-the-authority": wrong("good", "3 0 1 intermediate"),
    "ee-expired": right("expired", "3 1 1 expired"),
    "ee-not-yet-valid": right("not_yet_valid", "3 0 1 not_yet_valid"),
    "ee-another-name": right("another_name", "3 1 1 another_name"),
    "ee-self-signed": right("self_signed", "3 1 1 self_signed"),
    "ee-alone": right("alone", "3 1 1 alone"),
    "ee-client-only": right("client_only", "3 1 1 client_only"),
    # --- DANE-TA: an authority, the name, the dates
    "ta-key": right("good", "2 1 1 intermediate"),
    "ta-key-512": right("good", "2 1 2 intermediate"),
    "ta-key-whole": right("good", "2 1 0 intermediate"),
    "ta-certificate": right("good", "2 0 1 intermediate"),
    "ta-certificate-512": right("good", "2 0 2 intermediate"),
    "ta-certificate-whole": right("good", "2 0 0 intermediate"),
    "ta-root": right("with_root", "2 0 1 root"),
    "ta-root-not-sent": wrong("good", "2 0 1 root"),
    "ta-root-in-dns": right("good", "2 0 0 root"),
    "ta-key-of-the-root-in-dns": right("good", "2 1 0 root"),
    "ta-issuer-in-dns": right("alone", "2 0 0 intermediate"),
    "ta-key-of-the-issuer-in-dns": right("alone", "2 1 0 intermediate"),
    "ta-not-sent": wrong("alone", "2 1 1 intermediate"),
    "ta-another": wrong("good", "2 0 1 unknown_root"),
    "ta-another-in-dns": wrong("good", "2 0 0 unknown_root"),
    "ta-of-the-server": wrong("self_signed", "2 0 1 self_signed"),
    "ta-another-name": wrong("another_name", "2 0 1 intermediate"),
    "ta-of-the-domain": right("of_its_domain", "2 0 1 intermediate", openssl=(FITS_NOT, ONE_NAME)),
    "ta-expired": wrong("expired", "2 0 1 intermediate"),
    "ta-not-yet-valid": wrong("not_yet_valid", "2 1 1 intermediate"),
    "ta-expired-itself": right("old_authority", "2 0 1 old_intermediate"),
    "ta-root-expired": wrong("old_root", "2 0 1 old_root_ca"),
    "ta-below-an-old-one": wrong("old_authority", "2 0 0 root"),
    "ta-client-only": wrong("client_only", "2 0 1 intermediate"),
    # --- several records
    "rollover-before": right("good", "3 1 1 good", "3 1 1 renewed"),
    "rollover-after": right("renewed", "3 1 1 good", "3 1 1 renewed"),
    "rollover-forgotten": wrong("renewed", "3 1 1 good"),
    "ee-wrong-and-ta": right("good", "3 1 1 renewed", "2 0 1 intermediate"),
    "ee-and-ta-wrong": right("expired", "3 1 1 expired", "2 0 1 unknown_root"),
    "only-the-stronger-digest": wrong("good", "3 1 1 good", "3 1 2 renewed"),
    "of-each-selector": right("good", "3 1 1 good", "3 0 2 renewed"),
    "many": right("good", *(f"3 1 1 #{number}" for number in range(699)), "3 1 1 good", posttls=(FITS_NOT, NO_MORE)),
    # --- records that SMTP cannot use: TLS, and nobody knows with whom
    "pkix-ee": unusable("good", "1 1 1 good", openssl=(FITS, FOR_PKIX)),
    "pkix-ta": unusable("good", "0 0 1 intermediate", openssl=(FITS, FOR_PKIX)),
    "usage-unknown": unusable("good", "4 1 1 good"),
    "selector-unknown": unusable("good", "3 2 1 good"),
    "matching-unknown": unusable("good", "3 1 3 good"),
    "digest-cut": unusable("good", "3 1 1 good cut"),
    "whole-cut": unusable("good", "3 0 0 good cut"),
    "unusable-and-right": right("good", "1 1 1 renewed", "3 2 1 good", "3 1 1 good"),
    "unusable-and-wrong": wrong("good", "4 1 1 good", "3 1 1 renewed"),
    # --- no TLS
    "in-clear": Case("in_clear", ("3 1 1 good",), None, ("starttls_not_supported",)),
    "in-clear-unusable": Case("in_clear", ("1 1 1 good",), None, ("starttls_not_supported",)),
    # --- what DNS says
    "none": Case("good", (), None),
    "not-signed": Case("good", ("3 1 1 renewed",), None, zone="plain.test", domain_zone="plain.test"),
    "host-not-signed": Case("good", ("3 1 1 renewed",), None, zone="plain.test"),
    "mx-not-signed": Case("good", ("3 1 1 renewed",), None, domain_zone="plain.test"),
    "mx-not-signed-right": Case("good", ("3 1 1 good",), None, domain_zone="plain.test"),
    "tlsa-bogus": Case("good", ("3 1 1 good",), None, ("dnssec_invalid",), zone="spoilt.test"),
    "host-bogus": Case("good", ("3 1 1 good",), None, ("dnssec_invalid",), zone="bogus.test"),
    "host-expired": Case("good", ("3 1 1 good",), None, ("dnssec_invalid",), zone="expired.test"),
    "bogus": Case("good", (), None, domain_zone="bogus.test", domain_problems=("dnssec_invalid",)),
    "expired": Case("good", (), None, domain_zone="expired.test", domain_problems=("dnssec_invalid",)),
}


@dataclass(frozen=True)
class Lab:
    """Where it all runs."""

    client: Namespace
    directory: Path
    dnssec: Path
    """The directory of the zones."""
    zoo: Zoo
    made: Mapping[str, Credentials]

    def certificate(self, name: str) -> x509.Certificate:
        """That of a server, or of the zoo."""
        return (self.made.get(name) or self.zoo[name]).certificate

    def record(self, text: str) -> str:
        """A TLSA record of a certificate, or of a number, as a zone file has it."""
        usage, selector, matching, name, *cut = text.split()
        if name.startswith("#"):
            return f"{usage} {selector} {matching} {int(name[1:]):064x}"
        whole = self.certificate(name).public_bytes(Encoding.DER)
        key = self.certificate(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        selected = whole if selector == "0" else key
        digests = {"0": selected, "2": hashlib.sha512(selected).digest()}
        data = digests.get(matching, hashlib.sha256(selected).digest())
        return f"{usage} {selector} {matching} {data[: len(data) - len(cut)].hex()}"

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a client that asks Unbound."""
        mounted = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"']
        with self.client.entered():
            return subprocess.run(
                [*mounted, self.directory / "resolv.conf", *command], env={**os.environ, **(env or {})}, text=True,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
            )  # fmt: skip


def host(case: str) -> str:
    return f"{case}.{CASES[case].zone}"


def domain(case: str) -> str:
    return f"of-{case}.{CASES[case].domain_zone}"


MORE = """
two A {good}
two A {renewed}
_25._tcp.two TLSA {own}
alias CNAME aliased
aliased A {good}
_25._tcp.aliased TLSA {own}
_25._tcp.alias TLSA {other}
alias-of-plain CNAME plain.plain.test.
_25._tcp.alias-of-plain TLSA {own}
alias-of-plain-wrong CNAME plain.plain.test.
_25._tcp.alias-of-plain-wrong TLSA {other}
tlsa-alias A {good}
_25._tcp.tlsa-alias CNAME tlsa
tlsa TLSA {own}
"""
ALIASES: Mapping[str, bool | None] = {
    "alias.good.test": True,
    "alias-of-plain.good.test": True,
    "alias-of-plain-wrong.good.test": False,
    "alias.plain.test": None,
    "tlsa-alias.good.test": True,
}
"""Hosts that are asked for by name, and whether their certificate fits."""
HEAD = "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\n"


ELSEWHERE = {
    "bogus.test": Zone("", anchor="good.test"),
    "expired.test": Zone("", expired=True),
    "spoilt.test": Zone("", spoil=lambda signed: re.sub(r"(TLSA 3 1 1 )..", r"\g<1>00", signed)),
    "plain.test": Zone("", signed=False),
}


def zones(lab: Lab) -> Mapping[str, Zone]:
    """The zones of all cases."""
    texts = {ZONE: HEAD + MORE.format(own=lab.record("3 1 1 good"), other=lab.record("3 1 1 renewed"), **ADDRESSES)}
    texts |= dict.fromkeys(ELSEWHERE, HEAD + f"alias CNAME alias.good.test.\nplain A {ADDRESSES['good']}\n")
    for name, case in CASES.items():
        texts[case.domain_zone] += f"of-{name} MX 10 {host(name)}.\n"
        texts[case.zone] += f"{name} A {ADDRESSES[case.server]}\n"
        texts[case.zone] += "".join(f"_25._tcp.{name} TLSA {lab.record(each)}\n" for each in case.records)
    texts["live.test"] = live(lab, "3 1 1 good", serial=1)
    return {name: replace(ELSEWHERE.get(name, Zone("")), text=text) for name, text in texts.items()}


def live(lab: Lab, *records: str, serial: int) -> str:
    """A zone that changes: its one host serves a renewed certificate."""
    tlsa = "".join(f"_25._tcp.mx 1 TLSA {lab.record(each)}\n" for each in records)
    return HEAD.replace(" 1 3600", f" {serial} 3600") + f"@ MX 10 mx\nmx A {ADDRESSES['renewed']}\n{tlsa}"


@pytest.fixture(scope="module")
def lab(new_directory: NewDirectory) -> Iterator[Lab]:
    require(there=os.geteuid() == 0, otherwise="network namespaces need root")
    require(there=shutil.which("ip") and can_have_namespaces(), otherwise="this machine gives no network namespaces")
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    require(there=KNOTD and UNBOUND, otherwise="knot or unbound is missing: make tools")
    directory = new_directory("dane")
    (directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (directory / "main.cf").write_text("compatibility_level = 3.6\n")
    os.utime(directory / "main.cf", (0, 0))  # a new one would be waited for
    with ExitStack() as stack:
        zoo = stack.enter_context(Zoo(names=("*.good.test",)))
        made = {name: zoo.issue(kind, name) for name, kind in SERVERS.items() if kind}
        made["old_root_ca"] = zoo.issue(OLD_ROOT)
        made["old_root"] = zoo.issue(Kind(issuer=made["old_root_ca"]), "old_root")
        for name, root in (("with_root", zoo["root"]), ("old_root", made["old_root_ca"])):
            with made[name].pem_file.open("ab") as file:
                file.write(root.cert_chain_pem)
        servers = [f"{address}/24" for address in ADDRESSES.values()]
        client, server = stack.enter_context(cable(servers, [f"{CLIENT}/24"]))
        with server.entered():
            tls = {name: f"-o smtpd_tls_cert_file=$certificates/{name}.pem" for name in made}
            listeners = [
                (f"{ADDRESSES[name]}:25", f"smtpd {tls.get(name, '-o smtpd_tls_security_level=none')}")
                for name in SERVERS
            ]
            postfix = Server("Postfix", new_directory("postfix"), {"smtp": 25})
            stack.enter_context(run_listeners(postfix, zoo.directory, listeners))
        there = Lab(client, directory, new_directory("dnssec"), zoo, made)
        with client.entered():
            stack.enter_context(run_dnssec(there.dnssec, zones(there)))
        yield there


@pytest.fixture(scope="module")
def ours(lab: Lab) -> Mapping[str, dict[str, Any]]:
    """What `smtp-exporter probe` says of each host and domain."""
    asked = [f"--domain={domain(case)}" for case in CASES] + [f"{each}:25" for each in (*ALIASES, "two.good.test")]
    said = lab.run(*COMMAND, "probe", "--format=json", *asked)
    assert said.stdout, said.stderr
    found = json.loads(said.stdout)
    by_name = {one.get("host") or one["domain"]: one for one in found}
    return by_name | {one["address"]: one for one in found if one.get("host") == "two.good.test"}


@pytest.mark.parametrize("name", CASES)
def test_what_we_say(ours: Mapping[str, dict[str, Any]], name: str) -> None:
    case, of_domain = CASES[name], ours[domain(name)]
    assert critical(of_domain) == case.domain_problems
    if case.domain_problems:
        return
    found = ours[host(name)]
    assert found["dane"]["valid"] is case.valid, found["dane"]
    assert critical(found) == case.problems
    secure = (case.zone, case.domain_zone) == (ZONE, ZONE)
    assert found["dane"]["record_count"] == (len(case.records) if secure else 0)


def critical(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(each["reason"] for each in found["problems"] if each["severity"] == "critical")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.valid is not None])
def test_openssl_agrees(lab: Lab, name: str) -> None:
    case = CASES[name]
    records = [word for text in case.records for word in ("-dane_tlsa_rrdata", lab.record(text))]
    said = lab.run(
        "openssl", "s_client", "-starttls", "smtp", "-connect", f"{ADDRESSES[case.server]}:25", "-brief",
        "-dane_tlsa_domain", host(name), "-dane_ee_no_namechecks", "-CAfile", lab.zoo.ca_file, *records,
    )  # fmt: skip
    fits = "Verification: OK" in said.stderr and "DANE TLSA" in said.stderr
    assert (FITS if fits else FITS_NOT) == (case.openssl[0] if case.openssl else case.found), said


@pytest.mark.parametrize("name", CASES)
def test_posttls_finger_agrees(lab: Lab, name: str) -> None:
    case = CASES[name]
    assert posttls_finger(lab, domain(name)) == (case.posttls[0] if case.posttls else case.found)


def posttls_finger(lab: Lab, destination: str) -> str:
    program = PACKAGES / "postfix/usr/sbin/posttls-finger"
    said = lab.run(program, "-c", "-l", "dane", destination, env=environment(lab.directory))
    text = said.stdout + said.stderr
    if re.search("Verified TLS connection established", text):
        return FITS
    return NO_ANSWER if re.search("TLSA lookup error|address lookup failed", text) else FITS_NOT


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_has_the_records_of_the_name_it_leads_to_or_its_own(
    lab: Lab, ours: Mapping[str, dict[str, Any]], name: str
) -> None:
    fits = ALIASES[name]
    assert ours[name]["dane"]["valid"] is fits, ours[name]["dane"]
    assert critical(ours[name]) == (("tlsa_invalid",) if fits is False else ())
    assert posttls_finger(lab, f"[{name}]") == (FITS if fits else FITS_NOT)


def test_each_address_is_judged(ours: Mapping[str, dict[str, Any]]) -> None:
    valid = {address: ours[address]["dane"]["valid"] for address in (ADDRESSES["good"], ADDRESSES["renewed"])}
    assert list(valid.values()) == [True, False]


# --- the agent ------------------------------------------------------------------------------------------------

SHOWN = ("ee-self-signed", "ta-key", "ee-another-key", "in-clear", "tlsa-bogus", "not-signed", "bogus")


@contextmanager
def agent(lab: Lab, new_directory: NewDirectory, domains: Sequence[str], **settings: object) -> Iterator[Server]:
    """Watch these domains."""
    directory = new_directory("agent")
    common = {"nameservers": ["127.0.0.1"], "ehlo_name": "probe.example.net", "timeout": "2s", **settings}
    targets = [{"domains": list(domains), "name": "mail", "interval": "2s"}]
    configuration = directory / "smtp-exporter.yaml"
    configuration.write_text(yaml.safe_dump({"global": common, "targets": targets}))
    server = Server("smtp-exporter", directory, {"web": 10225})
    with lab.client.entered(), running(server, [*COMMAND, "run", f"--config.file={configuration}"]):
        yield server


def told(samples: Iterable[Sample], name: str, *labels: str) -> dict[str, Any]:
    """What a family says of each host or domain: its value, or these labels."""
    return {
        (one.labels.get("host") or one.labels["domain"]).partition(".")[0]: tuple(one.labels[each] for each in labels)
        if labels
        else one.value
        for one in samples
        if one.name == name and one.labels.get("primary") != "false"
    }


def test_the_metrics_of_a_domain_tell_what_senders_find(lab: Lab, new_directory: NewDirectory) -> None:
    with agent(lab, new_directory, [domain(case) for case in SHOWN]) as server:

        def all_probed() -> list[Sample]:
            samples = scraped(server)
            return samples if len(told(samples, "smtp_domain_success")) == len(SHOWN) else []

        samples = wait_until(all_probed, PATIENCE, server.log)
    assert told(samples, "smtp_dane_valid") == {"ee-self-signed": 1, "ta-key": 1, "ee-another-key": 0}
    assert told(samples, "smtp_dane_tlsa_records") == dict.fromkeys(SHOWN[:4], 1)
    trust = told(samples, "smtp_endpoint_info", "certificate")
    assert [case for case, (asked,) in trust.items() if asked == "dane_ee"] == ["ee-self-signed"]
    problems = told(samples, "smtp_probe_problem", "stage", "reason", "severity")
    assert problems == {
        "ee-another-key": ("policy", "tlsa_invalid", "critical"),
        "in-clear": ("starttls", "starttls_not_supported", "critical"),
        "tlsa-bogus": ("policy", "dnssec_invalid", "critical"),
    }
    assert told(samples, "smtp_domain_problem", "stage", "reason", "severity") == {
        "of-bogus": ("policy", "dnssec_invalid", "critical")
    }
    success = {case for case, value in told(samples, "smtp_domain_success").items() if value}
    assert success == {"of-ee-self-signed", "of-ta-key", "of-not-signed"}


def test_whom_nobody_trusts_tells_nothing_of_dane(lab: Lab, new_directory: NewDirectory) -> None:
    with agent(lab, new_directory, [domain("ee-another-key")], trusted_resolver=False) as server:
        wait_until(lambda: told(scraped(server), "smtp_probe_success"), PATIENCE, server.log)
        samples = scraped(server)
    assert told(samples, "smtp_probe_success") == {"ee-another-key": 1}
    assert not [one.name for one in samples if one.name.startswith("smtp_dane_")]


def test_a_record_that_is_published_at_last_is_seen_within_its_ttl(lab: Lab, new_directory: NewDirectory) -> None:
    with agent(lab, new_directory, ["live.test"]) as server:

        def valid(wanted: int) -> bool:
            return told(scraped(server), "smtp_dane_valid") == {"mx": wanted}

        wait_until(lambda: valid(0), PATIENCE, server.log)
        publish(lab.dnssec, "live.test", live(lab, "3 1 1 good", "3 1 1 renewed", serial=2))
        wait_until(lambda: valid(1), PATIENCE, server.log)
        assert told(scraped(server), "smtp_probe_problem") == {}
