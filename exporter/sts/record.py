"""The TXT records of MTA-STS (RFC 8461 3.1) and TLS-RPT (RFC 8460 3). Pure: texts in, findings out.

What stands at such a name and does not begin as such a record is somebody else's, a wildcard's for example, and is
passed over. What begins so and breaks the rules is a mistake worth telling, though senders only ignore it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.peer_text import excerpt, quote

STS_MEANT, TLSRPT_MEANT = (re.compile(rf"\s*v\s*=\s*{name}v?\d", re.IGNORECASE) for name in ("STS", "TLSRPT"))
"""Texts whose author had such a record in mind."""
FIELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+")
ID = re.compile(r"[A-Za-z0-9]{1,32}")
BLANK = " \t"
REPORT_TO = re.compile(r"(?:mailto:[^@\s,!;]+@[^@\s,!;]+|https://[^\s,!;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """What stands at a name: nothing, a good record, or something that is `wrong`, a sentence for the operator."""

    present: bool = False
    id: str = ""
    """Of an MTA-STS record: changes with the policy."""
    wrong: str = ""


def sts(texts: Sequence[str]) -> Record:
    """What the texts at _mta-sts say (RFC 8461 3.1)."""
    meant = _meant(texts, "v=STSv1", STS_MEANT)
    if len(meant) != 1:
        return _none_or_many(meant)
    version, *fields = _split(meant[0])
    ids = [field for field in fields if field.startswith("id=")]
    broken = next((field for field in fields if not FIELD.fullmatch(field)), None)
    if version != "v=STSv1":
        return Record(present=True, wrong=f"it begins with {excerpt(version)}, not with v=STSv1;")
    if broken is not None:
        return Record(present=True, wrong=f"{quote(broken)} is no field")
    if not ids or not ID.fullmatch(ids[0].removeprefix("id=")):
        return Record(present=True, wrong="its id is not 1 to 32 letters and digits" if ids else "it has no id")
    return Record(present=True, id=ids[0].removeprefix("id="))


def tlsrpt(texts: Sequence[str]) -> Record:
    """What the texts at _smtp._tls say (RFC 8460 3)."""
    meant = _meant(texts, "v=TLSRPTv1", TLSRPT_MEANT)
    if len(meant) != 1:
        return _none_or_many(meant)
    version, *fields = _split(meant[0])
    places = [place for field in fields if (place := _rua(field))]
    broken = next((field for field in fields if not (_rua(field) or FIELD.fullmatch(field))), None)
    wrong = ""
    if version != "v=TLSRPTv1":
        wrong = f"it begins with {excerpt(version)}, not with v=TLSRPTv1;"
    elif broken is not None:
        wrong = f"{quote(broken)} is no field"
    elif not places:
        wrong = "it has no rua, so nobody knows where reports go"
    else:
        uris = [uri.strip(BLANK) for uri in places[0].split(",")]
        odd = next((uri for uri in uris if not REPORT_TO.fullmatch(uri)), None)
        wrong = "" if odd is None else f"{quote(odd)} is no mailto: or https: address"
    return Record(present=True, wrong=wrong)


def _meant(texts: Sequence[str], version: str, loosely: re.Pattern[str]) -> Sequence[str]:
    """The records of this version, by which senders go; where there are none, what was meant as one."""
    return [text for text in texts if _split(text)[:1] == [version]] or [text for text in texts if loosely.match(text)]


def _rua(field: str) -> str:
    """Where reports go, of a field that says so; blanks may stand around its `=`."""
    name, _, value = field.partition("=")
    return value.strip(BLANK) if name.rstrip(BLANK) == "rua" else ""


def _none_or_many(meant: Sequence[str]) -> Record:
    """Of several records senders take none."""
    return Record(present=True, wrong=f"there are {len(meant)} records") if meant else Record()


def _split(text: str) -> list[str]:
    """Version and fields; one delimiter may stand at the end."""
    first, *others = text.split(";")
    parts = [first.rstrip(BLANK), *(part.strip(BLANK) for part in others)]
    return parts[:-1] if parts[-1] == "" else parts
