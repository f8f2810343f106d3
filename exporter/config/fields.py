"""The types of the configuration's values: what a key accepts, and how the JSON Schema says so.

Each type checks one value by itself and tells the operator in a sentence; what concerns several keys is in `merge`
and `entries`.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import re2
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from exporter.config import durations, names
from exporter.config.files import Beside
from exporter.config.scalars import IN_QUOTES, describe, fix, fix_number

RESERVED_LABELS = frozenset(
    """
    target host address port
    reason stage severity primary module security family certificate software extensions when version cipher
    subject issuer serial fingerprint_sha256 key domain preference mode
    python openssl index count type result
    job instance le quantile alertname
    """.split()  # noqa: SIM905  # a list literal is a page long
)
"""Label names that our own series, Prometheus or its histograms use; and all that begin with __."""


def string(value: object) -> str:
    """Accept a string and nothing that looks like one."""
    if isinstance(value, str):
        return value
    raise ValueError(f"expected a string, got {describe(value)}{fix(value)}")


def _text(read: Callable[[str], object] = str) -> BeforeValidator:
    """A string that `read` understands."""
    return BeforeValidator(lambda value: read(string(value)))


def whole(low: int, high: int, what: str = "expected a number") -> tuple[Any, ...]:
    """A whole number within bounds; `what` begins the sentence."""

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"{what} from {low} to {high}, got {describe(value)}{fix_number(value)}")

    return Field(ge=low, le=high), BeforeValidator(check)


def _number_of_days(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 36_500:
        return float(value)
    raise ValueError(
        f"expected a number of days from 0 to 36500, without a unit, got {describe(value)}{fix_number(value)}"
    )


def _beside(check: Callable[[Beside, str], str]) -> BeforeValidator:
    """A string that names something outside of the file: a file beside it, a variable."""

    def look(value: object, info: ValidationInfo) -> str:
        if not isinstance(value, str):  # not shown: it may be a password in the wrong place
            raise ValueError("expected a name, in quotes")  # noqa: TRY004  # pydantic collects ValueErrors
        return check(cast("Beside", info.context), value)

    return BeforeValidator(look)


def _not_empty(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("expected text that can be shown, in one line")
    return text


def _expression(text: str) -> str:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not an RE2 expression: {said}") from None
    return text


def _source_addresses(value: object) -> list[str]:
    texts = [string(each) for each in value] if isinstance(value, list) else [string(value)]
    found = [names.address(text) or "" for text in texts]
    if not texts or not all(found):
        wrong = next((text for text, each in zip(texts, found, strict=True) if not each), None)
        raise ValueError(f"expected an IP address, or one of each family, got {describe(wrong)}")
    if len({":" in each for each in found}) < len(found):
        raise ValueError("at most one address of each family")
    return found


def _label_value(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004  # pydantic collects ValueErrors
            f"the value of a label is a string, got {describe(value)}{fix(value) or f': {IN_QUOTES}'}"
        )
    return value


def _label_name(name: str) -> str:
    """Accept a label name that Prometheus knows and that nobody else uses."""
    if ":" in name:
        raise ValueError(f"{name!r} is no label name: a space is missing after the colon")
    if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise ValueError(f"{name!r} is no label name: letters, digits and underscores, no digit first")
    if name in RESERVED_LABELS or name.startswith("__"):
        raise ValueError(f"the label name `{name}` is reserved")
    return name


_DURATION = {"type": "string", "pattern": durations.PATTERN, "minLength": 2}
Seconds = Annotated[float, BeforeValidator(durations.seconds), WithJsonSchema(_DURATION)]
Confirmation = Annotated[
    float | Literal["off"],
    BeforeValidator(durations.confirmation),
    WithJsonSchema({"anyOf": [_DURATION, {"enum": ["off"]}]}),
]
Port = Annotated[int, *whole(1, 65535, "a port is a number")]
Days = Annotated[float, Field(ge=0, le=36_500), BeforeValidator(_number_of_days)]
Text = Annotated[str, _text(_not_empty)]
Host = Annotated[str, _text(names.host)]
Domain = Annotated[str, _text(names.domain)]
EhloName = Annotated[str, _text(names.ehlo_name)]
SourceAddress = Annotated[
    list[str],
    BeforeValidator(_source_addresses),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 2}]}),
]
Nameserver = Annotated[str, _text(names.nameserver)]
HostPort = Annotated[
    tuple[str, int], _text(names.host_and_port), WithJsonSchema({"type": "string", "pattern": ":[0-9]+$"})
]
Permitted = Annotated[str, _text(names.permitted)]
Keyword = Annotated[str, _text(names.keyword)]
Expression = Annotated[str, _text(_expression)]
Labels = dict[Annotated[str, _text(_label_name)], Annotated[str, BeforeValidator(_label_value)]]
CaFile = Annotated[str, _beside(Beside.ca_file)]
PasswordFile = Annotated[str, _beside(Beside.password_file)]
PasswordEnv = Annotated[str, _beside(Beside.password_env)]
