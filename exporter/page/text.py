"""Names and our own text for HTML. What peers chose is escaped by the templates."""

import re

from markupsafe import Markup, escape

from exporter.model import Peer


def place_of(peer: Peer) -> str:
    """Host and port; an IPv6 address in brackets (RFC 3986 3.2.2)."""
    return f"[{peer.host}]:{peer.port}" if ":" in peer.host else f"{peer.host}:{peer.port}"


def coded(text: str) -> Markup:
    """Our own words about a reason: what stands in backticks is a name."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
