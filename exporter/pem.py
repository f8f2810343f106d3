"""Certificates in PEM form (RFC 7468), found in any text. Whether they are certificates is not looked at."""

import re

_BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----.+?-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)


def certificates(text: bytes) -> list[bytes]:
    """The blocks, each with its first and last line."""
    return _BLOCK.findall(text)
