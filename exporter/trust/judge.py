"""What is wrong with a chain, for a name, at a time: dates, trust, name and suitability judged apart, in sentences.

1. `path` finds the certificates that matter;
2. each question is one function of them;
3. the verdict stands until a date in it passes, so a probe that sees the same chain again pays a dictionary look-up.

No severity here: what a finding means for an endpoint is decided in `checks`. Not safe to share between threads.
"""

import math
from collections.abc import Collection, Iterable

from exporter.model import Verdict
from exporter.trust.anchors import TrustStore
from exporter.trust.certificate import Reading, unreadable
from exporter.trust.findings import expired, missing_intermediate, not_yet_valid, unsuitable, weak
from exporter.trust.names import mismatch
from exporter.trust.path import find_path, readings
from exporter.trust.standing import Shown, Standing, Standings, fingerprint, until_a_date_passes
from exporter.trust.verifier import signed_by_itself


class Judge:
    """Judges chains, and remembers the verdicts of as many as told."""

    def __init__(self, remembered: int = 20_000) -> None:
        self._stores: dict[str | None, TrustStore] = {}
        self._former: dict[str | None, TrustStore] = {}
        self._standings: Standings[tuple[Shown, str, bytes], Verdict] = Standings(remembered)

    def load(self, ca_files: Iterable[str | None], keep: Collection[str | None] = ()) -> None:
        """Read these anchors anew, at a start and at a reload.

        Of the others, those to `keep` stay as they are, and those of the load before stay for the probes under way.

        Raises:
            TrustStoreError: one cannot be used; nothing has changed.
        """
        new = {ca_file: TrustStore(ca_file) for ca_file in set(ca_files)}
        kept = {ca_file: store for ca_file, store in self._stores.items() if ca_file in keep}
        self._former, self._stores = self._stores, kept | new

    def judge(self, chain: tuple[bytes, ...], name: str, ca_file: str | None, now: float) -> Verdict | None:
        """The verdict on DER certificates as sent, for a host name or an IP literal; None where none was sent.

        `name` is an A-label in lower case without a trailing dot. `now` is in Unix seconds.

        Raises:
            TrustStoreError: `ca_file` was not loaded before and cannot be.
        """
        if not chain:
            return None
        store = self._stores.get(ca_file) or self._former.get(ca_file)  # a probe may outlast a reload
        if store is None:
            store = self._stores[ca_file] = TrustStore(ca_file)
        key = fingerprint(chain), name, store.digest
        return self._standings.verdict(key, now, lambda: _weigh(chain, name, store, now))


def _weigh(chain: tuple[bytes, ...], name: str, store: TrustStore, now: float) -> Standing[Verdict]:
    if not (first := readings(chain[:1])):
        verdict = Verdict(unreadable(chain[0]), None, unsuitable="it cannot be read: no certificate")
        return Standing(-math.inf, math.inf, verdict)
    leaf, *_ = sent = first + readings(chain[1:])
    path = find_path(store, sent, now)
    self_signed = path.distrust is not None and signed_by_itself(leaf, flagged=path.self_signed)
    verdict = Verdict(
        certificate=leaf.facts,
        chain_not_after=_earliest(path.readings if path.anchored else sent),
        expired=expired(path, now),
        not_yet_valid=not_yet_valid(path, now),
        host_mismatch=mismatch(leaf, name),
        self_signed=_self_signed(leaf, store) if self_signed else None,
        not_trusted=None if self_signed else path.distrust,
        unsuitable=unsuitable(path),
        weak=weak(path),
        sent_not_after=_earliest(sent),
        missing_intermediate=missing_intermediate(path),
    )
    tells_age = bool(verdict.expired or verdict.not_yet_valid)
    return until_a_date_passes(verdict, (*sent, *path.readings), now, tells_age=tells_age)


def _earliest(several: Iterable[Reading]) -> float | None:
    """The earliest expiry of several, as far as it can be read."""
    return min((one.dates[1] for one in several if one.dates[1] is not None), default=None)


def _self_signed(leaf: Reading, store: TrustStore) -> str:
    where = f"in {store.ca_file}" if store.ca_file else "of this system: get one from a CA, or set tls.ca_file to it"
    return f"'{leaf.title}' is signed by its own key and no trust anchor {where}"
