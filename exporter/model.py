"""The words of the program: what is probed, what was seen, what is wrong. Frozen data.

Nothing here opens, waits, parses or judges. Times are Unix seconds, durations are seconds, sizes are bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from exporter.frozen import frozen
from exporter.reasons import Reason, Severity, Stage, Untestable

TlsVersion = Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
TLS_VERSIONS: tuple[TlsVersion, ...] = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


class Security(StrEnum):
    """How a port is to be encrypted: RFC 3207 STARTTLS, RFC 8314 implicit TLS, or not at all."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


# --- what is to be probed -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """`tls:` of an endpoint: the trust anchors (None: the system's) and the name asked for (None: the host)."""

    ca_file: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """`auth:` of an endpoint. Holds where the password is to be had, never the password."""

    username: str
    password_file: str | None = None
    password_env: str | None = None
    mechanism: Literal["PLAIN", "LOGIN", "CRAM-MD5"] | None = None
    interval: float = 300.0


@dataclass(frozen=True, slots=True)
class Expect:
    """`expect:` of an endpoint: what the operator relies on. None: not set, nothing is expected."""

    starttls: Literal["required", "optional", "forbidden"] | None = "optional"
    certificate: Literal["trusted", "any"] = "any"
    auth: Literal["required", "optional"] = "optional"
    auth_before_tls: Literal["forbidden", "allowed"] = "allowed"
    min_tls: TlsVersion | None = None
    banner: str | None = None
    min_days_left: float | None = None
    extensions: tuple[str, ...] = ()
    port: Literal["open", "closed"] = "open"
    user_wants_trust: bool = False
    """The user wrote `certificate: trusted` or `tls.server_name`; it is not merely the module's default."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The endpoint keys of one port, merged from global, module, target and port entry."""

    module: str = "relay"
    interval: float = 60.0
    confirm_interval: float | None = 15.0
    """Seconds from a first failure to the next probe, and from there to the one after it; None: off."""
    timeout: float = 30.0
    connect_timeout: float = 10.0
    security: Security = Security.STARTTLS
    addresses: Literal["each", "any", "ipv4", "ipv6"] = "each"
    ehlo_name: str | None = None
    source_address: tuple[str, ...] = ()
    resolve: Literal["system", "dns"] = "system"
    tls: TlsSettings = TlsSettings()
    auth: AuthSettings | None = None
    expect: Expect = Expect()


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of the YAML list: a host, or one or many mail domains, and what to probe there.

    `host` and `domains` are lower-case A-labels without a trailing dot, or (host only) an IP literal.
    `ports` are (number, settings) in the order written. Either `host` is set or `domains` is not empty.
    """

    name: str
    ports: tuple[tuple[int, Settings], ...]
    host: str | None = None
    domains: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    def __hash__(self) -> int:
        """Hash by what tells nearly all apart: a target may have a hundred thousand domains."""
        return hash((self.name, self.host, self.domains[:1]))


Choose = Callable[[Target], Target | None]
"""What is wanted of a target: all of it, a part, or nothing."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What one probe talks to. Endpoints of several targets that are alike share one peer and its results.

    `address` is an IP literal; empty where the name has no address, and with `addresses: any`.
    """

    host: str
    address: str
    port: int
    settings: Settings

    def __hash__(self) -> int:
        """Hash by what tells nearly all apart; Settings are many fields, and shared."""
        return hash((self.host, self.address, self.port))

    @property
    def place(self) -> str:
        """What it is called: host:port, [IPv6]:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Say host[address]:port, as a mail log would."""
        named = self.address and self.address != self.host
        return f"{self.host}[{self.address}]:{self.port}" if named else self.place


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One (target, host, address, port): what has metrics."""

    target: str
    peer: Peer
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Domain:
    """One mail domain of a target: what has smtp_domain_* metrics. `domain` is a lower-case A-label."""

    target: Target
    domain: str


@dataclass(frozen=True, slots=True)
class Demands:
    """What the MTA-STS policies of mail domains ask of the endpoints of a host (RFC 8461 5).

    Of many domains that ask the same one is named; empty: none asks for it.
    """

    enforced_by: str = ""
    """A domain that names the host and has a policy in mode enforce."""
    unlisted_by: str = ""
    """A domain that names the host and whose policy does not list it; one in mode enforce if there is one."""
    refused: bool = False
    """The policy of `unlisted_by` is in mode enforce: senders that know it do not deliver there."""


NO_DEMANDS = Demands()


# --- what was seen --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete SMTP reply (RFC 5321 4.2): its code and the text of each line after the code."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        r"""The text of all lines, joined by \n."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Hello:
    """An accepted answer to EHLO or HELO: the extensions by keyword (upper case) with their parameters."""

    verb: Literal["EHLO", "HELO"]
    extensions: Mapping[str, str] = field(default_factory=dict)
    mechanisms: frozenset[str] = frozenset()
    """SASL mechanisms of `AUTH` and of the old `AUTH=` form, upper case."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of one X.509 certificate. Peer text is clean: control and invalid characters replaced.

    Each is read by itself: a text is empty, a date None where the certificate has none that can be read.
    """

    subject: str
    issuer: str
    serial: str
    fingerprint_sha256: str
    key: str
    not_before: float | None
    not_after: float | None
    names: tuple[str, ...]
    """dNSName and iPAddress subjectAltNames, sorted."""
    issuer_organisation: str = ""
    weakness: str | None = None
    """Why no careful verifier accepts its key or signature; None where nothing is wrong with them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the trust store says of one chain for one name at one time: dates, trust and name judged apart.

    Each finding is None where all is well, else a sentence for the operator that says what was found.
    """

    certificate: Certificate
    """The leaf."""
    chain_not_after: float | None
    """Earliest expiry on the verified path; where none verifies, among the certificates sent. None: no date there."""
    expired: str | None = None
    not_yet_valid: str | None = None
    host_mismatch: str | None = None
    self_signed: str | None = None
    not_trusted: str | None = None
    unsuitable: str | None = None
    weak: str | None = None
    sent_not_after: float | None = None
    """Earliest expiry among the certificates sent; None where none could be read."""
    missing_intermediate: str | None = None
    """Which intermediate the server did not send, so that only this trust store completes the path; no finding."""

    @property
    def valid(self) -> bool:
        """The chain is trusted, the name matches, the dates fit and it may serve TLS."""
        return not (
            self.expired
            or self.not_yet_valid
            or self.host_mismatch
            or self.self_signed
            or self.not_trusted
            or self.unsuitable
        )


@frozen
class Session:
    """A TLS session, as far as it came: a handshake that failed late still showed its certificates."""

    version: str | None = None
    cipher: str | None = None
    chain: tuple[bytes, ...] = ()
    """DER certificates as the server sent them, the leaf first."""
    dh_bits: int | None = None
    """The size of the finite-field group, where the cipher is a DHE one of TLS 1.2 or older and it was seen."""
    signed_with_sha1: bool = False
    """The key exchange of TLS 1.2 is signed with SHA-1."""
    secure_renegotiation: bool | None = None
    """The server knows RFC 5746; None with TLS 1.3, which has no renegotiation."""

    @property
    def without_chain(self) -> "Session":
        """The same, once the certificates are judged: they need not be kept."""
        return Session(self.version, self.cipher, (), self.dh_bits, self.signed_with_sha1, self.secure_renegotiation)


@frozen
class Step:
    """One entry of the transcript: what was said or heard at which stage, `at` seconds after the start.

    `what` is a line of ours (secrets masked), a reply of the server, or (`who` is "-") a remark.
    """

    at: float
    stage: Stage
    who: Literal["C", "S", "-"]
    what: "str | Reply"

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines as they went over the wire. What a peer sent is hostile: escape it where it is shown."""
        if isinstance(self.what, str):
            return (self.what,)
        last = len(self.what.lines) - 1
        return tuple(f"{self.what.code}{' ' if i == last else '-'}{text}" for i, text in enumerate(self.what.lines))


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended a conversation before its time."""

    stage: Stage
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One TLSA record (RFC 6698 2.1), whatever its numbers."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        """Write it as a zone file does."""
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    @property
    def short(self) -> str:
        """Enough of it to tell it from others."""
        text = str(self)
        return text if len(text) <= 24 else f"{text[:22]}..."


@dataclass(frozen=True, slots=True)
class Tlsa:
    """What DNS said of the TLSA records of a host and port."""

    records: tuple[TlsaRecord, ...] = ()
    """DNSSEC-secure ones: others do not count (RFC 7672 2.2)."""
    base: str = ""
    """The name of the host under which they are: it or, where it is an alias, the one it leads to (RFC 7672 2.2.3)."""
    none: str = ""
    """Why there are no records, or DANE cannot be tested; for the operator."""
    problem: Ended | None = None
    """Why no fresh answer was to be had. Senders do not deliver then (RFC 7672 2.1.2)."""
    remembered: bool = False
    """An earlier answer stands in the place of the fresh one, or that is merely late."""


@dataclass(frozen=True, slots=True)
class Dane:
    """What TLSA records say of one chain: the record that it fits, or why it fits none."""

    usable: int
    """How many of the records can be used for SMTP (RFC 7672 3.1)."""
    matched: TlsaRecord | None = None
    mismatch: str = ""
    """A sentence for the operator; empty where `matched`."""

    @property
    def by_certificate(self) -> bool:
        """The record is of the server's own certificate or key, so its name, dates and issuer do not matter."""
        return self.matched is not None and self.matched.usage == 3


@dataclass(frozen=True, slots=True)
class Lookup:
    """What DNS said of a host for this probe."""

    seconds: float
    """What this probe waited for; 0 where the answer was cached."""
    problem: Ended | None = None
    """Why no fresh answer was to be had. Probed all the same where addresses are known from before."""
    addresses_left_out: int = 0
    """How many addresses beyond `max_addresses` are not probed."""
    unavailable: bool = False
    """No nameserver answers anything: that no address is known says nothing of the host."""
    tlsa: Tlsa = Tlsa()
    next_hops: tuple[str, ...] = ()
    """The mail domains whose MX records led here: a certificate may bear their names too (RFC 7672 3.2.2)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: a row of the table of reasons, how grave it is here, and what was seen."""

    reason: Reason
    stage: Stage
    severity: Severity
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Exchanges:
    """What DNS said of a mail domain.

    `hosts` are (preference, name) in the order a sender tries them: usable ones, each once, at most 32; with an
    implicit MX the domain itself. `records` counts the MX records. May be used without asking again until
    `expires`, on the resolver's clock.
    """

    hosts: tuple[tuple[int, str], ...] = ()
    records: int = 0
    null_mx: bool = False
    implicit: bool = False
    problems: tuple[Problem, ...] = ()
    expires: float = 0.0
    secure: bool = False
    """DNSSEC vouches for the MX records, or there are none and only the addresses matter (RFC 7672 2.2.1)."""


Mode = Literal["enforce", "testing", "none"]


@dataclass(frozen=True, slots=True)
class Policy:
    """An MTA-STS policy (RFC 8461 3.2)."""

    mode: Mode
    mx: frozenset[str]
    """The MX hosts it lists, lower case; `*.` at the beginning stands for one label."""
    max_age: int
    """Seconds for which a sender may keep it."""
    wrong: str = ""
    """Which of its mx patterns are invalid and match nothing; for the operator."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How the last attempt to fetch the policy of a domain went, and the policy that was fetched last."""

    id: str
    """The id that the record had at the last attempt."""
    tried: float
    """When that was, Unix seconds."""
    fault: Problem | None = None
    """Why it gave no policy."""
    failures: int = 0
    """How many attempts in a row gave none."""
    policy: Policy | None = None
    since: float = 0.0
    """When `policy` was fetched, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What a mail domain publishes on how mail is to be delivered to it: MTA-STS (RFC 8461) and TLS-RPT (RFC 8460).

    None: not known.
    """

    sts: bool | None = None
    """It has a record at _mta-sts, good or bad."""
    sts_id: str = ""
    sts_valid: bool | None = None
    """Record and policy are good, and the policy is to be had."""
    policy: Policy | None = None
    """The policy in force: the one that was fetched last, until `until` even where it is to be had no more."""
    until: float = 0.0
    """When senders that know the policy forget it, Unix seconds."""
    tlsrpt: bool | None = None
    """It asks for reports, by one good record at _smtp._tls."""
    tlsrpt_wrong: str = ""
    """What is wrong with what stands there; for the operator."""
    problems: tuple[Problem, ...] = ()


@frozen
class Result:
    """What one probe saw, however far it came. What it did not reach is None, never a guess."""

    peer: Peer
    started: float
    finished: float
    duration: float
    stages: Mapping[Stage, float]
    """Seconds by stage, those reached; a failed one until it failed."""
    lookup: Lookup | None = None
    """None for an IP literal."""
    address: str = ""
    """The address talked to, or last tried; with `addresses: any` the one that connected."""
    own_address: str = ""
    """Our end of the connection."""
    connected: bool | None = None
    """None where no connection was tried."""
    greeting: Reply | None = None
    ehlo: Reply | None = None
    """The last answer to EHLO or HELO in clear, whatever it was."""
    ehlo_refusal: Reply | None = None
    """The reply to EHLO, where HELO was tried after it."""
    unsolicited: Reply | None = None
    """A reply that no command asked for: from then on replies and commands were out of step."""
    hello: Hello | None = None
    """The same where it was accepted."""
    starttls: Reply | None = None
    session: Session | None = None
    """None where TLS was not tried."""
    established: bool = False
    """A reply was read inside TLS."""
    ehlo_tls: Reply | None = None
    hello_tls: Hello | None = None
    verdict: Verdict | None = None
    dane: Dane | None = None
    """None where there are no TLSA records, or no certificate was seen."""
    auth: Reply | None = None
    """The last answer of the login dialogue."""
    authenticated: bool | None = None
    """None where no login was tried."""
    auth_not_attempted: str | None = None
    """Why a configured login was not tried: it was not safe."""
    auth_unavailable: str | None = None
    """Why a configured login was not possible: no mechanism in common."""
    auth_ended: Ended | None = None
    """What ended the earlier login whose verdict still stands."""
    ended: Ended | None = None
    untestable: Untestable | None = None
    """Nothing can be said from here, and why."""
    steps: tuple[Step, ...] = ()
