"""The optional rules: promtool plays the stories of `vantage_cases` and `slo_cases` to all files."""

from pathlib import Path

import pytest
import yaml

from exporter.families import EVERY
from tests.deploy.alert_cases import of, port
from tests.deploy.slo_cases import SLO_CASES, SLOW_CASES
from tests.deploy.test_prometheus import as_promtool_wants_it, base_metrics, play
from tests.deploy.vantage_cases import VANTAGE_CASES, agent
from tools.alerts import FOLDER, OPTIONAL, files
from tools.alerts.thresholds import OBJECTIVE

ALL = ("rules/", "optional/")
SLO_FIRST = ("smtp-slo", "smtp-slo-1h")
"""promtool evaluates the other groups in any order."""


@pytest.mark.real
def test_each_story_of_several_vantage_points_makes_fire_what_it_should_and_nothing_else(tmp_path: Path) -> None:
    play(tmp_path, [as_promtool_wants_it(case) for case in VANTAGE_CASES], "1m", folders=("rules/", "optional/vantage"))


@pytest.mark.real
def test_each_story_of_an_error_budget_makes_fire_what_it_should_and_nothing_else(tmp_path: Path) -> None:
    play(tmp_path, [as_promtool_wants_it(case) for case in SLO_CASES], "1m", SLO_FIRST, ALL)


@pytest.mark.real
def test_each_story_of_a_budget_that_burns_slowly_makes_fire_what_it_should(tmp_path: Path) -> None:
    tests = [as_promtool_wants_it(case) | {"interval": "10m"} for case in SLOW_CASES]
    play(tmp_path, tests, "10m", SLO_FIRST, ("optional/slo",))


def days(*spans: tuple[str, float]) -> str:
    """What a series says for how many days, once an hour: a value, or nothing."""
    return " ".join(f"{value}x{round(length * 24) - (value != '_')}" for value, length in spans)


FROM_FRA = days(("1", 5), ("0", 8), ("1", 4), ("_", 3), ("1", 11))
FROM_NYC = days(("1", 10), ("0", 7), ("_", 3), ("1", 11))
"""For three days both fail, for three neither can test it: it was available for 24 of 27."""


@pytest.mark.real
def test_30_days_are_summed_up_over_the_best_vantage_point(tmp_path: Path) -> None:
    series = of("smtp_probe_success", FROM_FRA, port(25, team="m", **agent("fra")))
    series |= of("smtp_probe_success", FROM_NYC, port(25, team="m", **agent("nyc")))
    of_host = 'job="smtp-exporter",target="t",host="mx",team="m"'
    test = {
        "interval": "1h",
        "input_series": [{"series": selector, "values": values} for selector, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"round(100 * {level}:smtp_probe_success:{figure}_30d)",
                "eval_time": "30d",
                "exp_samples": [{"labels": f"{{{labels}}}", "value": percent}],
            }
            for level, labels in (("port", f'{of_host},port="25"'), ("host", of_host))
            for figure, percent in (("availability", 89), ("coverage", 90))
        ],
    }
    play(tmp_path, [test], "1h", SLO_FIRST, ("optional/slo",))


def test_the_optional_rules_ask_only_for_metrics_that_exist() -> None:
    known = {family.name for family in EVERY} | {"up"}
    for row in (row for file in OPTIONAL.values() for group in file.groups for row in group.rules):
        assert base_metrics(row) <= known


@pytest.mark.parametrize("name", OPTIONAL)
def test_the_shipped_configuration_does_not_load_the_optional_rules_and_says_how(name: str) -> None:
    text = files()["prometheus.yml"]
    assert yaml.safe_load(text)["rule_files"] == ["rules/*.yml"]
    assert f"optional/{name}.yml" in text
    assert f"optional/{name}.yml" in (FOLDER.parents[1] / "docs/vantage.md").read_text("utf-8")


def test_the_objective_is_written_once() -> None:
    text = files()["optional/slo.yml"]
    assert text.count(f"{OBJECTIVE}") == text.count(f"vector({OBJECTIVE})") == 1
