"""Data that is only mypy's to guard: at run time it still equals, hashes and refuses fields as frozen data does."""

import pytest

from exporter.frozen import frozen


@frozen
class Pair:
    one: int
    other: str = ""


def test_frozen_data_equals_and_hashes_by_its_fields_and_takes_no_others() -> None:
    assert Pair(1, "a") == Pair(1, other="a") != Pair(1)
    assert {Pair(1, "a"): True}[Pair(1, "a")]
    with pytest.raises(AttributeError):
        Pair(1).third = 3  # type: ignore[attr-defined]  # there is no such slot


def test_mypy_lets_nobody_change_frozen_data() -> None:
    pair = Pair(1)
    pair.one = 2  # type: ignore[misc]  # mypy would call the remark unused if it let this pass
    assert pair.one == 2
