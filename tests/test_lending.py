"""A snapshot stays as it was; who only reads copies nothing."""

from exporter.lending import Lendable


def test_a_snapshot_stays_as_it_was() -> None:
    board = Lendable[str, int]()
    board["a"] = 1
    before = board.snapshot()
    board["b"] = 2
    during = board.snapshot()
    del board["a"]
    board["b"] = 3
    assert (before, during, dict(board)) == ({"a": 1}, {"a": 1, "b": 2}, {"b": 3})


def test_only_a_change_after_a_snapshot_makes_a_copy() -> None:
    board = Lendable[str, int]()
    board["a"] = 1
    first = board.snapshot()
    assert board.snapshot() is first
    board["b"] = 2
    second = board._entries
    board["c"] = 3
    assert second is not first
    assert board._entries is second


def test_it_is_a_mapping() -> None:
    board = Lendable[str, int]()
    board["a"] = 1
    assert ("a" in board, len(board), list(board), board.get("b"), board.pop("a"), dict(board)) == (
        True, 1, ["a"], None, 1, {},
    )  # fmt: skip
