import pickle
from pathlib import Path

from exporter.config.errors import ConfigError, ConfigErrors, shown


def test_errors_are_sorted_by_file_and_line_and_none_is_told_twice() -> None:
    a2, a10, b1 = (ConfigError(Path(name), "x", line, 1) for name, line in (("a", 2), ("a", 10), ("b", 1)))
    missing = ConfigError(Path("a"), "cannot read a")
    assert ConfigErrors([b1, a10, a2, a10, missing]).errors == (missing, a2, a10, b1)


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
