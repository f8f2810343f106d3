"""PEM texts to a TLS context: who we are, and what is asked of clients. Opens no file and no connection.

OpenSSL comes through pyOpenSSL: Python's ssl can neither take a key from memory nor ask for a certificate that it
does not verify (RequireAnyClientCert). Sessions are not resumed, so every client is judged by what now stands.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

log = logging.getLogger(__name__)

KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
VERIFY = {
    "none": SSL.VERIFY_NONE,
    "request": SSL.VERIFY_PEER,
    "require": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
    "verify": SSL.VERIFY_PEER,
    "require and verify": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}
"""How OpenSSL is told what is asked of clients."""


def certificates(pem: bytes) -> list[x509.Certificate]:
    """Read PEM certificates, at least one. Raises ValueError with a sentence for the operator."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError("holds no PEM certificate, or a broken one") from None


def private_key(pem: bytes) -> Any:
    """Read the first PEM private key; other PEM blocks may stand around it. Raises ValueError, never with its text."""
    found = KEY.search(pem)
    if not found:
        raise ValueError("holds no PEM private key")
    try:
        return load_pem_private_key(found[0], None)
    except TypeError:
        raise ValueError("this private key is encrypted: there is nobody to ask for its password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds a broken PEM private key, or one of an unknown kind") from None


def context(certificate: bytes, key: bytes, authority: bytes | None, keys: Mapping[str, Any]) -> SSL.Context:
    """Make a TLS context; `keys` are those of tls_server_config. Raises ValueError where the parts do not fit."""
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.set_min_proto_version(keys.get("min_version", SSL.TLS1_2_VERSION))
    made.set_max_proto_version(keys.get("max_version", SSL.TLS1_3_VERSION))
    if keys.get("min_version", SSL.TLS1_2_VERSION) < SSL.TLS1_2_VERSION:
        made.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # OpenSSL 3 has no TLS before 1.2 above that level
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    made.set_mode(SSL.MODE_RELEASE_BUFFERS)  # 34 KB less for each idle connection
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_session_id(b"smtp-exporter")
    own, *chain = certificates(certificate)
    ours = private_key(key)
    try:
        if own.public_key() != ours.public_key():
            raise ValueError("the private key is not that of the (first) certificate")
        made.use_certificate(own)
        for each in chain:
            made.add_extra_chain_cert(each)
        made.use_privatekey(ours)
    except UnsupportedAlgorithm:
        raise ValueError("certificate and key cannot be used: they are of an unknown kind") from None
    except SSL.Error as error:
        raise ValueError(f"certificate and key cannot be used: {reason(error)}") from None
    _ask_clients(made, authority, keys)
    return made


def reason(error: SSL.Error) -> str:
    """Say in OpenSSL's words what went wrong."""
    found = error.args[0] if error.args else ()
    return "; ".join(str(each[-1]) for each in found) if isinstance(found, list | tuple) else str(found)


def _ask_clients(made: SSL.Context, authority: bytes | None, keys: Mapping[str, Any]) -> None:
    asked = keys.get("client_auth_type", "none")
    sans = keys.get("client_allowed_sans")
    for each in certificates(authority) if authority else ():
        if store := made.get_cert_store():
            store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)  # an intermediate may be the anchor, as in Go
            store.add_cert(crypto.X509.from_cryptography(each))
        made.add_client_ca(each)
    made.set_verify(VERIFY[asked], _judge("verify" in asked, frozenset(sans) if sans else None))


def _judge(verify: bool, sans: frozenset[str] | None) -> Callable[[SSL.Connection, crypto.X509, int, int, int], bool]:
    """Decide about each certificate of a client's chain, the leaf (depth 0) last."""

    def judge(_: SSL.Connection, certificate: crypto.X509, __: int, depth: int, ok: int) -> bool:
        if verify and not ok:
            return False
        return depth > 0 or sans is None or bool(sans & names(certificate))

    return judge


def names(certificate: crypto.X509) -> set[str]:
    """List the subjectAltNames that exporter-toolkit compares: DNS, e-mail, IP and URI, as they are written.

    A certificate that cannot be read has none: of another version, with a broken or repeated extension.
    """
    try:
        found = certificate.to_cryptography().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception as error:  # noqa: BLE001 - whatever the parser makes of bytes that a client sent
        log.debug("a client certificate has no names that can be read", extra={"error": type(error).__name__})
        return set()
    kinds = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)
    return {str(each.value) for each in found if isinstance(each, kinds)}
