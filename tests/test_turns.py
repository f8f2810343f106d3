"""Who gets room first. When turns are due: test_schedule."""

import pytest

from exporter.turns import Room, Turn


def turn(key: str, *, took: float = 0.0, address: str = "") -> Turn:
    return Turn(key, 60.0, address, lambda _: None, 60.0, took=took)


def room_for(*turns: Turn, at_once: int = 10) -> Room:
    room = Room(at_once, 1)
    for each in turns:
        room.add(each)
        room.come(each)
    return room


def taken(room: Room) -> list[Turn]:
    return list(iter(room.take, None))


@pytest.mark.parametrize(
    ("took", "order"),
    [(2.9, ["before", "other"]), (3.0, ["other", "before"])],
    ids=["under 3 s: first come, first served", "3 s or more: after the others"],
)
def test_who_took_long_goes_after_the_others(took: float, order: list[str]) -> None:
    assert [each.key for each in taken(room_for(turn("before", took=took), turn("other")))] == order


@pytest.mark.parametrize(("at_once", "running"), [(1, 1), (2, 1), (5, 4), (10, 8), (1000, 800)])
def test_long_ones_fill_four_fifths_of_the_room_and_one_place_at_least(at_once: int, running: int) -> None:
    room = room_for(*(turn(str(number), took=10.0) for number in range(at_once + 1)), at_once=at_once)
    assert len(taken(room)) == running
    assert room.wanted


def test_every_fifth_place_is_a_long_ones_while_others_wait() -> None:
    long = [turn("long", took=10.0) for _ in range(2)]
    room = room_for(*long, *(turn("other") for _ in range(9)), at_once=20)
    assert [number for number, each in enumerate(taken(room)) if each.long] == [4, 9]


def test_a_long_one_that_waits_for_room_holds_no_place_at_its_address() -> None:
    """The one place for long runs is taken; another turn comes to the address of the one that waits for it."""
    room = room_for(turn("elsewhere", took=10.0), turn("dead", took=10.0, address="192.0.2.1"), at_once=2)
    (elsewhere,) = taken(room)
    other = turn("other", address="192.0.2.1")
    room.add(other)
    room.come(other)
    assert taken(room) == [other]
    room.leave(elsewhere)
    assert taken(room) == [], "it has room now, and waits for the address"
    room.leave(other)
    assert [each.key for each in taken(room)] == ["dead"]


def test_a_paused_run_goes_on_before_those_that_took_long_too() -> None:
    paused, other = turn("paused", took=10.0), turn("other", took=10.0)
    room = room_for(paused, other, at_once=1)
    assert taken(room) == [paused]
    room.pause(paused)
    room.come(paused)
    assert taken(room) == [paused]


# --- intervals that grow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_address", "turns", "factor"),
    [(1, 1, 1.0), (2, 2, 1.0), (1, 2, 4 / 0.9), (2, 3, 3 / 0.9)],
    ids=["one place, one turn", "as many turns as places", "two turns for one place", "three turns for two places"],
)
def test_intervals_grow_where_there_are_more_turns_than_places(per_address: int, turns: int, factor: float) -> None:
    room = Room(10, per_address)
    for number in range(turns):
        room.add(each := turn(str(number), address="192.0.2.1"))
        room.note(each, 120.0)  # twice its interval
    assert room.crowded("192.0.2.1") == pytest.approx(factor)


def test_a_turn_that_goes_takes_its_load_along() -> None:
    room, several = Room(10, 1), [turn(key, address="192.0.2.1") for key in ("goes", "stays", "stays too")]
    for each in several:
        room.add(each)
        room.note(each, 54.0)
    assert room.crowded("192.0.2.1") == pytest.approx(3.0)
    room.remove(several[0])
    assert room.crowded("192.0.2.1") == pytest.approx(2.0)
