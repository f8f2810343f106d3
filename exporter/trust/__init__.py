"""What a TLS session showed, turned into facts and findings: certificates, trust anchors, the judge, TLSA records.

`certificate` reads facts, each by itself (`fields`, `der`); `verifier` asks OpenSSL, which alone decides what may be
used; `anchors` loads what is trusted, `path` finds the way there, `judge` says what is wrong and in which words, `dane`
whether a chain fits the TLSA records of its host; both once per chain until a date passes. No sockets here, and no
severity: whether a finding matters is decided in `checks`.
"""

from exporter.trust.anchors import TrustStore, TrustStoreError
from exporter.trust.certificate import certificate
from exporter.trust.dane import Matcher
from exporter.trust.judge import Judge

__all__ = ["Judge", "Matcher", "TrustStore", "TrustStoreError", "certificate"]
