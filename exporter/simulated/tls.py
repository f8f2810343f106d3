"""The TLS side of a simulated server: its certificates, versions, ciphers, and what it asks of its clients.

Makes contexts; the records are moved by `server`. It shows old and weak TLS on purpose and protects nothing.
"""

import ssl
import tempfile
import warnings
from collections.abc import Mapping
from typing import Literal

from exporter.model import TlsVersion
from exporter.simulated.certificates import Credentials
from exporter.simulated.groups import GROUPS, DhBits


def server_context(
    *credentials: Credentials,
    versions: tuple[TlsVersion, TlsVersion] = ("TLSv1.2", "TLSv1.3"),
    ciphers: str = "DEFAULT",
    dh_bits: DhBits | None = None,
    client_certificate: Literal["requested", "required"] | None = None,
    sni: Mapping[str, Credentials] | None = None,
    unknown_name: Literal["default", "refused"] = "default",
) -> ssl.SSLContext:
    """Make the TLS side of a server: any of its certificates, from the lowest to the highest version.

    Two credentials of different key types make a server that has both. `sni` are further names with certificates of
    their own; a name that is not there gets the default, or the alert unrecognized_name. Without `dh_bits` it has no
    DHE ciphers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")  # weak keys and old versions are what we are here to show
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLSv1 and TLSv1.1: deprecated is what they are
        context.minimum_version, context.maximum_version = (
            ssl.TLSVersion[version.replace(".", "_")] for version in versions
        )
    for one in credentials:
        context.load_cert_chain(one.pem_file)
    if dh_bits:
        _load_group(context, dh_bits)
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED if client_certificate == "required" else ssl.CERT_OPTIONAL
    others = {name: server_context(one, versions=versions, ciphers=ciphers) for name, one in (sni or {}).items()}

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name in others:
            connection.context = others[name]
            return None
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if unknown_name == "refused" else None

    context.sni_callback = choose
    return context


def _load_group(context: ssl.SSLContext, bits: DhBits) -> None:
    with tempfile.NamedTemporaryFile("w") as file:  # ssl reads it from nowhere else
        file.write(GROUPS[bits])
        file.flush()
        context.load_dh_params(file.name)
