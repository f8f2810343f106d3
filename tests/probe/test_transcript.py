"""What is kept of replies."""

import pytest

from exporter.model import Reply
from exporter.probe.redaction import Redactor
from exporter.probe.transcript import MAX_KEPT_LINES, Transcript
from exporter.reasons import Stage


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([100] * 3, [100] * 3),
        ([8000, 192, 5], [8000, 192]),
        ([5000, 5000, 5000], [5000, 3192]),
        ([9000], [8192]),
        ([0] * 1000, [0] * MAX_KEPT_LINES),
    ],
    ids=["short", "full", "the second is cut", "one long line", "empty lines"],
)
def test_a_result_keeps_8192_characters_of_a_reply(lines: list[int], kept: list[int]) -> None:
    transcript, said = Transcript(lambda: 0.0, Redactor()), Reply(250, tuple("x" * length for length in lines))
    transcript.heard(Stage.EHLO, said)
    reply = transcript.kept(said)
    assert reply is not None
    assert [len(line) for line in reply.lines] == kept
