"""What a TLS session showed, turned into facts and findings: certificates, trust anchors, the judge.

`certificate` reads facts, `anchors` loads what is trusted and builds paths to it, `judge` says what is wrong and in
which words, once per (chain, name, anchors) until a date passes. No sockets here, and no severity: whether a finding
matters is decided in `checks`.
"""

from exporter.trust.anchors import TrustStore, TrustStoreError
from exporter.trust.certificate import certificate
from exporter.trust.judge import Judge

__all__ = ["Judge", "TrustStore", "TrustStoreError", "certificate"]
