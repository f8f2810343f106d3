"""The TXT records of a name: the texts, and whether DNS told (RFC 1035 3.3.14)."""

from dataclasses import dataclass, replace
from functools import lru_cache

from exporter.model import Ended
from exporter.resolve.addresses import REASONS, ended
from exporter.resolve.answer import Txt
from exporter.resolve.lookups import Lookups


@dataclass(frozen=True, slots=True)
class Texts:
    """What stands at a name. `problem`: why no fresh answer was to be had; `known`: there is one, maybe an old one."""

    texts: tuple[str, ...] = ()
    problem: Ended | None = None

    @property
    def known(self) -> bool:
        """Whether it is known what stands there: of old, where DNS tells nothing now."""
        return bool(self.texts) or self.problem is None


async def texts(lookups: Lookups, name: str) -> Texts:
    """Look up the TXT records of a name. The strings of a record are joined as they are (RFC 8461 3.1)."""
    (known,) = await lookups.every((name, "TXT"))
    found = _joined(tuple(record for record in known.records if isinstance(record, Txt)))
    return replace(found, problem=ended(REASONS[known.answer.said], known.answer.detail)) if known.failed else found


@lru_cache(maxsize=1 << 8)
def _joined(records: tuple[Txt, ...]) -> Texts:
    """What records say; thousands of domains have none, or the same."""
    return Texts(tuple(b"".join(record.strings).decode("latin-1") for record in records))
