"""Names and addresses as operators write them, to the form in which everybody else wants them.

Host names become lower-case A-labels without a trailing dot (RFC 5890, UTS 46), addresses their shortest form.
Every function raises ValueError with a sentence for the operator. Nothing here asks the DNS.
"""

import ipaddress
import re

import idna

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")

HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^$"), "it is empty"),
    (re.compile(r"\s"), "it holds a space"),
    (re.compile(r"://"), "this is a URL: write the host name only"),
    (re.compile(r"@"), "this is a mail address: write what follows the @"),
    (re.compile(r"\*"), "wildcards are not possible: name each host"),
    (re.compile(r"^\[.*\]"), "write an IPv6 address without brackets"),
    (re.compile(r"^[^:]+:[0-9]*$"), "the port goes into `ports`"),
    (re.compile(r"[${}]"), "variables and templates are not filled in here"),
    (re.compile(r"%"), "addresses with a zone are not possible"),
    (re.compile(r"/"), "networks and paths are not possible: write one host"),
    (re.compile(r"^\.|\.\.|^\.$"), "it has an empty label"),
    (re.compile(r"(^|\.)[0-9]+$"), "its last label is a number, and it is no IP address"),
)


def address(text: str) -> str | None:
    """Write an IP literal in its shortest form; None where the text is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else str(found)


def hostname(text: str) -> str:
    """Read a host name, as A-labels; underscores are allowed, one trailing dot is dropped."""
    name = text.removesuffix(".")
    if len(name) > 1000:
        raise ValueError("not a host name: it is over 253 characters long")
    for pattern, hint in HINTS:
        if pattern.search(name):
            raise ValueError(f"not a host name: {text!r}: {hint}")
    name = name.lower() if name.isascii() else _a_labels(text, name)
    for label in name.split("."):
        if not LABEL.fullmatch(label):
            raise ValueError(f"not a host name: {text!r}: {_label_fault(label)}")
    if len(name) > 253:
        raise ValueError("not a host name: it is over 253 characters long")
    return name


def _a_labels(text: str, name: str) -> str:
    """Map (UTS 46) and encode label by label: idna refuses underscores, which mail hosts do have."""
    try:
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
        return ".".join(
            label if label.isascii() else idna.alabel(label).decode() for label in mapped.removesuffix(".").split(".")
        )
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"not a host name: {text!r}: {error}") from None


def _label_fault(label: str) -> str:
    """Say why a label is none."""
    if not label:
        return "it has an empty label"
    if len(label) > 63:
        return "a label is over 63 characters long"
    if label.startswith("-") or label.endswith("-"):
        return "a label begins or ends with a hyphen"
    wrong = next(character for character in label if not re.fullmatch("[a-z0-9_-]", character))
    return f"it holds the character {wrong!r}"


def host(text: str) -> str:
    """Read a host: a name or an IP literal."""
    return address(text) or hostname(text)


def domain(text: str) -> str:
    """Read a mail domain: a name, never an address."""
    if address(text):
        raise ValueError(f"{text!r} is an IP address and has no MX: write it as a `host`")
    return hostname(text)


def ehlo_name(text: str) -> str:
    """Read what is said in EHLO: a domain or an address literal (RFC 5321 4.1.3)."""
    if address(text):
        raise ValueError(f"{text!r}: an address is said as a literal, '[192.0.2.1]' or '[IPv6:2001:db8::1]'")
    if not text.startswith("["):
        return hostname(text)
    inner = text.removeprefix("[").removesuffix("]")
    literal = inner[5:] if inner.lower().startswith("ipv6:") else inner
    found = address(literal)
    if not found or not text.endswith("]") or (":" in found) != (literal != inner):
        raise ValueError(f"{text!r} is no address literal, such as '[192.0.2.1]' or '[IPv6:2001:db8::1]'")
    return f"[IPv6:{found}]" if ":" in found else f"[{found}]"


def host_and_port(text: str, default: int | None = None) -> tuple[str, int]:
    """Read host:port, IPv6 as [::1]:25. Without a `default` the port must be there."""
    if default is not None and (found := address(text)):
        return found, default
    parts = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,6}))?", text, re.ASCII)
    if not parts or (parts["port"] is None and default is None):
        raise ValueError(f"expected host:port, an IPv6 address as [::1]:25, got {text!r}")
    if parts["v6"] is not None and ":" not in (address(parts["v6"]) or ""):
        raise ValueError(f"{text!r}: no IPv6 address within the brackets")
    port = int(parts["port"]) if parts["port"] else default or 0
    if not 1 <= port <= 65535:
        raise ValueError(f"{text!r}: a port is a number from 1 to 65535")
    return host(parts["v6"] or parts["name"]), port


def nameserver(text: str) -> str:
    """Read an address or address:port of a nameserver."""
    name, port = host_and_port(text, default=53)
    if not address(name):
        raise ValueError(f"a nameserver is an address or address:port, got {text!r}")
    if port == 53:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def permitted(text: str) -> str:
    """Read an entry of an allow list: a host name, *.suffix, or a network as CIDR."""
    if text.startswith("*."):
        return f"*.{hostname(text[2:])}"
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        if "host bits" in str(error):
            network = ipaddress.ip_network(text, strict=False)
            raise ValueError(f"{text!r} is an address within a network: write {network}") from None
    if text == "*" or "/" in text:
        raise ValueError(f"expected a host name, *.suffix or CIDR network, got {text!r}")
    return hostname(text)


def keyword(text: str) -> str:
    """Read an EHLO keyword (RFC 5321 4.1.1.1), upper case."""
    if not KEYWORD.fullmatch(text):
        raise ValueError(f"not an EHLO keyword: {text!r}; write one as in SIZE or 8BITMIME, without parameters")
    return text.upper()
