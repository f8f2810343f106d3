"""The garbage collector looks at little at a time."""

import asyncio
import gc

import pytest

from exporter import garbage


class Link:
    """Something that goes round in a circle: only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_is_new_is_looked_at_though_as_much_is_freed_as_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "OFTEN", 0.0)
    looked = list[int]()

    def note(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            looked.append(told["generation"])

    looking = asyncio.create_task(garbage.look_at_the_new())
    gc.callbacks.append(note)
    try:
        Link()
        new = [Link()]
        for _ in range(3):
            await asyncio.sleep(0)
    finally:
        gc.callbacks.remove(note)
        looking.cancel()
    assert 1 in looked
    assert not any(each is new[0] for each in (*gc.get_objects(0), *gc.get_objects(1))), "it is old now"
    assert sum(isinstance(each, Link) for each in gc.get_objects()) == 1


def test_what_a_crowd_of_probes_holds_begins_no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)  # it is for good
    thresholds, began = gc.get_threshold(), list[str]()
    gc.collect()
    garbage.forget_the_lasting()
    gc.callbacks.append(lambda phase, _: began.append(phase))
    try:
        assert len([Link() for _ in range(10_000)]) == 10_000
    finally:
        gc.callbacks.pop()
        gc.set_threshold(*thresholds)
    assert began == []
