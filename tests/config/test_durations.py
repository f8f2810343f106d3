import pytest

from exporter.config import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("1d", 86400), ("2w", 1209600), ("1y", 31536000)],
)
def test_a_duration_is_read_as_prometheus_reads_it(text: str, seconds: float) -> None:
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("value", ["60", 60, 60.0, 1.5])
def test_a_number_needs_a_unit(value: object) -> None:
    with pytest.raises(ValueError, match=r"a duration needs a unit, for example \d+s$"):
        durations.seconds(value)


@pytest.mark.parametrize(
    "value", ["1.5s", "30m1h", "5 m", "-5s", "s", "5x", "٣s", "1s\n", "9999999999s", -5, "", None, True, []]
)
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.seconds(value)


@pytest.mark.parametrize("text", ["0s", "0m0s", "366d", "2y"])
def test_a_duration_has_bounds(text: str) -> None:
    with pytest.raises(ValueError, match="above 0 and at most a year"):
        durations.seconds(text)


@pytest.mark.parametrize("text", ["500ms", "30s", "60s", "1m30s", "5m", "1h30m", "1d"])
def test_what_is_written_reads_the_same(text: str) -> None:
    assert durations.written(durations.seconds(text)) == text
