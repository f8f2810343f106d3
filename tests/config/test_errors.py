import pickle
from pathlib import Path

import pytest

from exporter.config.errors import MAX_ERRORS, TOLD, ConfigError, ConfigErrors, shown


def test_errors_are_sorted_by_file_and_line_and_none_is_told_twice() -> None:
    a2, a10, b1 = (ConfigError(Path(name), "x", line, 1) for name, line in (("a", 2), ("a", 10), ("b", 1)))
    missing = ConfigError(Path("a"), "cannot read a")
    assert ConfigErrors([b1, a10, a2, a10, missing]).errors == (missing, a2, a10, b1)


@pytest.mark.parametrize(
    ("number", "last"),
    [
        (TOLD, "c.yaml:100:1: x"),
        (TOLD + 1, "and 1 more error"),
        (MAX_ERRORS - 1, "and 899 more errors"),
        (MAX_ERRORS, "and at least 900 more errors"),
    ],
)
def test_of_many_errors_the_first_are_told_and_how_many_more_there_are(number: int, last: str) -> None:
    errors = ConfigErrors(ConfigError(Path("c.yaml"), "x", line + 1, 1) for line in range(number))
    assert errors.told[:TOLD] == [f"c.yaml:{line + 1}:1: x" for line in range(TOLD)]
    assert errors.told[-1] == last


def test_an_error_says_what_is_known_of_its_place() -> None:
    assert str(ConfigError(Path("c.yaml"), "wrong", 3, 7, "targets[0]")) == "c.yaml:3:7: targets[0]: wrong"
    assert str(ConfigError(Path("c.yaml"), "wrong", 3, 7)) == "c.yaml:3:7: wrong"
    assert str(ConfigError(Path("c.yaml"), "wrong")) == "c.yaml: wrong"


def test_an_error_is_one_line_whatever_a_key_holds() -> None:
    assert str(ConfigError(Path("c.yaml"), "unknown key `a\n\x1b[2J`", 1, 1)) == r"c.yaml:1:1: unknown key `a\n\x1b[2J`"


def test_a_path_is_written_as_operators_do() -> None:
    assert shown(("targets", 3, "ports", 1, "timeout")) == "targets[3].ports[1].timeout"
    assert shown((0, "host")) == "[0].host"
    assert shown(("x" * 1000,)) == "x" * 60


def test_errors_come_back_from_another_process() -> None:
    errors = ConfigErrors([ConfigError(Path("a"), "x", 1, 1)])
    assert pickle.loads(pickle.dumps(errors)).errors == errors.errors  # noqa: S301  # our own bytes
