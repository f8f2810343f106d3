"""What an error means at a stage, and what is said of it."""

from typing import TYPE_CHECKING

import pytest

from exporter.model import Security, Session, Settings
from exporter.probe import failures
from exporter.probe.failures import SILENCE, ended
from exporter.reasons import Reason, Stage
from exporter.simulated.scripts import SCRIPTS
from exporter.wire import ClosedError, EarlyDataError, HandshakeError, TlsError

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe

R = Reason
NO_TLS = b"421 4.0.0 mail.example.test TLS initialization failed.\r\n"
TLS_RECORD = b"\x16\x03\x03\x00\x05hello"
SAID = "421 4.0.0 mail.example.test TLS initialization failed."


EARLY: dict[str, tuple[bytes, Reason, str]] = {
    "a refusal": (NO_TLS, R.STARTTLS_NOT_TLS, SAID),
    "a refusal for good": (b"554 5.7.0 no TLS\r\n", R.STARTTLS_NOT_TLS, "554 5.7.0 no TLS"),
    "a refusal of two lines": (b"454-a\r\n454 b\r\n", R.STARTTLS_NOT_TLS, "454 a\nb"),
    "a refusal between empty lines": (b"\r\n" + NO_TLS + b"\r\n", R.STARTTLS_NOT_TLS, SAID),
    "a refusal, and a farewell": (NO_TLS + b"421 bye\r\n", R.STARTTLS_NOT_TLS, SAID),
    "a refusal, and then TLS": (NO_TLS + TLS_RECORD, R.STARTTLS_INJECTION, f"after the 220 came: {SAID}"),
    "a refusal, and an acceptance": (NO_TLS + b"250 ok\r\n", R.STARTTLS_INJECTION, f"after the 220 came: {SAID}"),
    "half a refusal": (NO_TLS[:20], R.STARTTLS_INJECTION, "after the 220 came: 421 4.0.0 mail.examp"),
    "an acceptance": (b"250 injected\r\n", R.STARTTLS_INJECTION, "after the 220 came: 250 injected"),
    "what is no reply": (b"hello\r\n", R.STARTTLS_INJECTION, "after the 220 came: hello"),
    "an empty line": (b"\r\n", R.STARTTLS_INJECTION, "after the 220 came: an empty line"),
    "an empty line, and then TLS": (b"\r\n" + TLS_RECORD, R.STARTTLS_INJECTION, "after the 220 came: an empty line"),
    "an empty line, and text": (b"\r\nhello\r\n", R.STARTTLS_INJECTION, "after the 220 came: hello"),
}


@pytest.mark.parametrize(("raw", "reason", "detail"), EARLY.values(), ids=[*EARLY])
def test_what_follows_the_220_before_our_client_hello(raw: bytes, reason: Reason, detail: str) -> None:
    found = ended(Stage.TLS, EarlyDataError(raw), Security.STARTTLS, 25)
    assert (found.reason, found.stage) == (reason, Stage.TLS if reason is R.STARTTLS_NOT_TLS else Stage.STARTTLS)
    assert found.detail.startswith(detail)


@pytest.mark.parametrize(("raw", "detail"), [(row[0], row[2]) for row in EARLY.values()], ids=[*EARLY])
def test_a_refusal_after_our_client_hello_is_told_in_the_same_words(raw: bytes, detail: str) -> None:
    found = ended(Stage.TLS, HandshakeError(TlsError("answered in clear"), raw, Session()), Security.STARTTLS, 25)
    assert (found.reason, found.stage) == (R.STARTTLS_NOT_TLS, Stage.TLS)
    assert found.detail.startswith(detail.replace("after the 220 came", "our ClientHello was answered in clear"))


ON_A_TLS_PORT: dict[bytes, Reason] = {
    b"220 mail.example.test ESMTP\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"554 mail.example.test ESMTP not accepting messages\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"421 mail.example.test You talk too soon\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"554 SMTP synchronization error\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"450 Connecting host started transmitting before SMTP greeting\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"402 4.5.2 Error: command not recognized\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"\r\n220 mail.example.test ESMTP\r\n": R.PLAINTEXT_ON_TLS_PORT,
    b"250 command completed\r\n": R.TLS_HANDSHAKE_FAILED,
    b"\r\n": R.TLS_HANDSHAKE_FAILED,
    b"HTTP/1.1 400 Bad Request\r\n": R.TLS_HANDSHAKE_FAILED,
}


@pytest.mark.parametrize(("raw", "reason"), ON_A_TLS_PORT.items(), ids=repr)
def test_what_answers_in_clear_on_a_port_with_implicit_tls(raw: bytes, reason: Reason) -> None:
    error = HandshakeError(TlsError("answered in clear"), raw, Session())
    assert ended(Stage.TLS, error, Security.IMPLICIT, 465).reason is reason


@pytest.mark.parametrize(
    ("silence", "security", "told"),
    [
        (SILENCE, Security.STARTTLS, True),
        (5.0, Security.NONE, True),
        (SILENCE - 0.1, Security.STARTTLS, False),
        (5.0, Security.IMPLICIT, False),
    ],
)
def test_a_close_after_a_silence_tells_of_proxy_listeners(silence: float, security: Security, told: bool) -> None:
    found = ended(Stage.GREETING, ClosedError(), security, 25, silence=silence)
    assert (found.reason, "PROXY protocol" in found.detail) == (R.GREETING_CLOSED, told)


@pytest.mark.parametrize(
    ("script", "told"), [("greeting_closed", True), ("greeting_closed_after_teaser", False)], ids=["silent", "teaser"]
)
async def test_a_probe_knows_whether_there_was_silence(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch, script: str, told: bool
) -> None:
    monkeypatch.setattr(failures, "SILENCE", 1e-9)
    result = await probe((await serve(SCRIPTS[script](zoo))).port, Settings())
    assert result.ended is not None
    assert (result.ended.reason, "PROXY protocol" in result.ended.detail) == (R.GREETING_CLOSED, told)
