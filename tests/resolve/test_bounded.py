import pytest

from exporter.resolve.bounded import Bounded


def test_a_full_cache_drops_what_was_put_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.resolve.bounded.CAPACITY", 4)
    cache: Bounded[str, int] = Bounded(lambda _: 1)
    for key in ("a", "b", "a", "c"):
        cache.put(key, 1)
    assert [cache.get(key) for key in "abc"] == [1, None, 1]


def test_an_entry_with_many_records_takes_the_room_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.resolve.bounded.CAPACITY", 10)
    cache: Bounded[str, int] = Bounded(lambda value: 4000 if value == 9 else 1)
    for number, key in enumerate("abcd"):
        cache.put(key, number)
    cache.put("hostile", 9)
    assert ([cache.get(key) for key in "abcd"], cache.get("hostile"), len(cache)) == ([None] * 4, 9, 1)
    cache.put("a", 1)
    assert (cache.get("hostile"), cache.get("a")) == (None, 1)
