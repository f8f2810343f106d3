"""TABLE 3: every key of the configuration, with its type, its default and what it is for.

The JSON Schema, the documentation and the suggestions for a misspelt key are printed from these classes. A key that
was not written counts for nothing (`model_fields_set` tells); what layers make of each other is in `merge`, and no
class here looks at two keys at once.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from exporter.config import fields
from exporter.model import TlsVersion

UNSET: Any = None
"""The default of a key that has none of its own; to write `null` is an error all the same."""


def key(description: str, default: object = UNSET, *, alias: str | None = None) -> Any:
    """One row of the table."""
    return Field(default, description=description, alias=alias)


class Section(BaseModel):
    """A mapping of the configuration: no other keys, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Tls(Section):
    """Whom to trust, and the name asked for."""

    ca_file: fields.CaFile = key(
        "PEM file that replaces the system's roots, for policy hosts too; it may hold the server's own certificate"
    )
    server_name: fields.Host = key("name asked for (SNI) and looked for in the certificate; default: the host")


class Auth(Section):
    """A login, tried only where it is safe: TLSv1.2 or later with a valid certificate."""

    username: fields.Text = key("required for a login; with a login `expect.auth` is required")
    password_file: fields.PasswordFile = key("file that holds the password; either this or `password_env`")
    password_env: fields.PasswordEnv = key("environment variable that holds the password")
    mechanism: Literal["PLAIN", "LOGIN", "CRAM-MD5"] = key("default: the first of these that is offered")
    interval: fields.Seconds = key("no login more often than this; between two the last verdict stands", 300.0)


class Expect(Section):
    """What the operator relies on: where it is not so, the probe fails. Anything else is a warning or a fact."""

    starttls: Literal["required", "optional", "forbidden"] = key("is STARTTLS offered in clear?")
    certificate: Literal["trusted", "any"] = key("trusted: chain, name and dates are to be right")
    auth: Literal["required", "optional"] = key("required: AUTH is offered, after TLS")
    auth_before_tls: Literal["forbidden", "allowed"] = key("may passwords be asked for in clear?")
    min_tls: TlsVersion = key("oldest TLS version that will do")
    banner: fields.Expression = key(
        "RE2 expression, searched in the greeting's text after the code, lines joined by \\n"
    )
    min_days_left: fields.Days = key("warn when the certificate has fewer days left")
    extensions: list[fields.Keyword] = key("EHLO keywords that must be offered, after TLS where there is TLS", [])
    port: Literal["open", "closed"] = key("closed: nobody may answer here", "open")


class EndpointKeys(Section):
    """The endpoint keys: what you write in a port entry beats its target, its module, `global`, what is built in."""

    module: fields.Text = key("named set of endpoint keys; default: by port, see the built-in modules")
    interval: fields.Seconds = key("time from one probe to the next; domains: 5m, whatever `global` says", 60.0)
    confirm_interval: fields.Confirmation = key(
        "after a first failure the next two probes each come after this time, unless the server limited us or its "
        "address is overloaded; 5s to the interval, or off; default: a quarter of the interval, at least 15s, at most "
        "the interval"
    )
    timeout: fields.Seconds = key("for a whole probe; at most its interval", 30.0)
    connect_timeout: fields.Seconds = key("for the TCP connection, within the timeout and cut to it", 10.0)
    security: Literal["starttls", "implicit", "none"] = key("how the port is encrypted")
    addresses: Literal["each", "any", "ipv4", "ipv6"] = key(
        "each: every A and AAAA is an endpoint; any: one endpoint, the first address that connects (the next one is "
        "tried after a quarter of connect_timeout, and the earlier attempts continue); "
        "ipv4, ipv6: each of one family",
        "each",
    )
    ehlo_name: fields.EhloName = key(
        "name said in EHLO; default: the machine's FQDN, unless that is private (as *.local); then the address literal"
    )
    source_address: fields.SourceAddress = key("address to connect from, or one of each family", [])
    resolve: Literal["system", "dns"] = key(
        "system: hosts file, then DNS with search; dns: DNS only, absolute", "system"
    )
    tls: Tls = key("whom to trust, and the name asked for")
    auth: Auth = key("a login, tried only where it is safe")
    expect: Expect = key("what you rely on: where it is not so, the probe fails")


class PortEntry(EndpointKeys):
    """A port with endpoint keys of its own."""

    port: fields.Port = Field(description="the port")


def _entry(value: object) -> object:
    """Read a bare number as the entry that holds nothing else."""
    return value if isinstance(value, dict | list) else {"port": value}


PortItem = Annotated[PortEntry, BeforeValidator(_entry, json_schema_input_type=fields.Port | PortEntry)]


class TargetEntry(EndpointKeys):
    """A host with its ports, or one or many mail domains."""

    host: fields.Host = key("a name or an IP literal; a target has exactly one of this and the following four keys")
    hosts: list[fields.Host] = key(
        "several hosts with the same keys and ports; with a `name` they share the label `target`, else it is the host"
    )
    domain: fields.Domain = key("a mail domain: its MX hosts are probed")
    domains: list[fields.Domain] = key("many mail domains as one target, if it has a `name`; else each is its own")
    domains_file: fields.Text = key(
        "file with one mail domain a line, # comments; a line that is not a domain is skipped and reported"
    )
    name: fields.Text = key("the label `target`; default: the host or domain")
    ports: list[PortItem] = key("numbers, or mappings {port: 10025, ...endpoint keys}; default of domains: 25")
    labels: fields.Labels = key("labels for every series of this target", {})


class FileSdGroup(Section):
    """One group of a Prometheus file_sd list, in a target file."""

    targets: list[fields.HostPort] = Field(description="host:port")
    labels: fields.Labels = key("as in `targets`; __*, job and instance are dropped", {})


class MtaSts(Section):
    """MTA-STS."""

    allow_private: bool = key("ask policy hosts on private addresses too", default=False)


class Global(EndpointKeys):
    """The defaults of every endpoint, and the bounds of the agent."""

    max_concurrent_probes: Annotated[int, *fields.whole(1, 1_000_000)] = key(
        "probes at once; the descriptor limit is raised as far as allowed", 1000
    )
    max_probes_per_host: Annotated[int, *fields.whole(1, 1000)] = key("connections at once to one IP address", 1)
    max_addresses: Annotated[int, *fields.whole(1, 1000)] = key("addresses probed of one name and port", 16)
    nameservers: list[fields.Nameserver] = key("address or address:port; default: those of resolv.conf", [])
    max_concurrent_lookups: Annotated[int, *fields.whole(1, 10_000)] = key("DNS queries at once", 50)
    trusted_resolver: bool = key("believe its AD flag (DANE); default: true where every nameserver is ::1 or 127.0.0.1")
    mx_on_this_machine: bool = key(
        "let the MX hosts of domains be on loopback addresses: laboratories, all-in-one servers; where such a host is "
        "left alone, `mx_invalid` or `mx_not_found` says so",
        default=False,
    )
    mta_sts: MtaSts = key("MTA-STS policies")


class ProbeEndpoint(Section):
    """The HTTP path /probe."""

    enabled: bool = key("serve /probe", default=False)
    allow: list[fields.Permitted] = key("what may be probed: host names, *.suffixes, networks as CIDR", [])


class Egress(Section):
    """Is a port blocked from here?"""

    min_hosts: Annotated[int, *fields.whole(1, 10_000)] = key("hosts that must fail alike", 3)
    min_networks: Annotated[int, *fields.whole(1, 10_000)] = key("networks (/24, /48) that they must be in", 2)
    canaries: list[fields.HostPort] = key("host:port of servers known to answer, asked while others fail", [])


class ConfigFile(Section):
    """smtp-exporter's configuration."""

    global_: Global = key("endpoint keys that are the default of everything, and bounds of the agent", alias="global")
    modules: dict[str, EndpointKeys] = key(
        "named sets of endpoint keys; each builds on the built-in one of the port, or on the one its `module` names",
        {},
    )
    targets: list[TargetEntry] = key("what to probe", [])
    target_files: list[fields.Text] = key(
        "patterns of YAML or JSON files with lists of targets or file_sd lists; while one of these files has errors, "
        "its last good content stays in force",
        [],
    )
    probe_endpoint: ProbeEndpoint = key("probes on demand, over HTTP")
    egress: Egress = key("when a port counts as blocked from here")


ENDPOINT_KEYS = frozenset(EndpointKeys.model_fields)


def written(keys: Section) -> dict[str, Any]:
    """List the endpoint keys that were written, in the order of the table; mappings as mappings, lists as tuples."""
    names = keys.model_fields_set
    if isinstance(keys, EndpointKeys):
        names = names & ENDPOINT_KEYS
    ordered = sorted(names, key=list(type(keys).model_fields).index) if len(names) > 1 else names
    found = {name: getattr(keys, name) for name in ordered}
    return {
        name: written(value) if isinstance(value, Section) else tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
    }
