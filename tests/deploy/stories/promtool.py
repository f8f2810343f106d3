"""Promtool plays stories to the rules of a folder, and says which alerts fired in which minute, and what they said."""

import ast
import json
import os
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

AT_ONCE = 2
Alert = tuple[tuple[str, str], ...]
"""The labels of an alert, sorted."""

PAIR = r'[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"'
LABELS = re.compile(rf"\{{((?:{PAIR}(?:, )?)*)\}}")


@dataclass(slots=True)
class Played:
    """The minutes in which each alert fired, their annotations at the minutes asked for, and errors of rules."""

    firing: dict[Alert, list[int]] = field(default_factory=lambda: defaultdict(list))
    texts: list[tuple[Alert, dict[str, str]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Play:
    """What promtool is given of a story."""

    series: list[dict[str, str]]
    minutes: int
    step: int
    texts_at: int
    optional: bool = False
    """The optional rule files are loaded as well."""

    @property
    def kind(self) -> tuple[int, bool]:
        """What plays have in common that one process can run."""
        return self.step, self.optional


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule files of a folder, those of its subfolder `optional` included."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        """All rule files."""
        return [*self.always, *sorted(self.folder.glob("optional/*.yml"))]

    @property
    def always(self) -> list[Path]:
        """Those that every installation loads, without those that only dashboards ask for: they cost time."""
        texts = {file: file.read_text("utf-8") for file in sorted(self.folder.glob("rules/*.yml"))}
        alerts = "".join(text for text in texts.values() if "alert:" in text)
        return [
            file
            for file, text in texts.items()
            if "alert:" in text or any(name in alerts for name in re.findall(r"record: (\S+)", text))
        ]

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rules."""
        for file in self.files:
            for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
                yield from group["rules"]

    @property
    def alerts(self) -> list[str]:
        """The names of all alerts."""
        return sorted({row["alert"] for row in self.rows() if "alert" in row})

    def wanted(self) -> Callable[[str], bool]:
        """Tell which families the rules or their annotations mention; all, where a name is left open."""
        text = "".join(file.read_text("utf-8") for file in self.files)
        names = set(re.findall(r"[a-z_][a-z_0-9]*", text))
        return (lambda name: True) if re.search(r'__name__=~"[^"]*[.*+]', text) else names.__contains__


def play(plays: dict[str, Play], rules: Rules) -> dict[str, Played]:
    """Play stories by their names; those that are evaluated at the same step in as few processes as there are cores."""
    batches: list[list[str]] = []
    for kind in sorted({each.kind for each in plays.values()}):
        names = sorted((name for name in plays if plays[name].kind == kind), key=lambda name: -len(plays[name].series))
        batches += [batch for batch in (names[n::AT_ONCE] for n in range(AT_ONCE)) if batch]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = pool.map(lambda batch: _play_batch({name: plays[name] for name in batch}, rules), batches)
        return {name: played for part in parts for name, played in part.items()}


def _play_batch(plays: dict[str, Play], rules: Rules) -> dict[str, Played]:
    numbers = {name: number for number, name in enumerate(plays)}
    step, optional = next(iter(plays.values())).kind
    document = {
        "rule_files": [str(file.resolve()) for file in (rules.files if optional else rules.always)],
        "evaluation_interval": f"{step}m",
        "tests": [_test(each, numbers[name], rules.alerts) for name, each in plays.items()],
    }
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "stories.yml"
        file.write_text(json.dumps(document), "utf-8")  # JSON is YAML
        command = ["promtool", "test", "rules", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"GOGC": "400"})
    found = _read(done.stdout + done.stderr)
    return {name: found.get(number, Played(errors=[done.stderr[-2000:]])) for name, number in numbers.items()}


def _test(each: Play, number: int, alerts: Iterable[str]) -> dict[str, Any]:
    """Ask for all that fires, expecting nothing: promtool prints what it got. The last question marks the end."""
    minutes = range(0, each.minutes + 1, each.step)
    return {
        "name": f"s{number}",
        "interval": "1m",
        "input_series": each.series,
        "promql_expr_test": [
            {"expr": f'ALERTS{{alertstate="firing",asked!="s{number} m{minute}"}}', "eval_time": f"{minute}m"}
            for minute in minutes
        ] + [{"expr": f"vector({number})", "eval_time": "0m", "exp_samples": [{"labels": "{}", "value": -1}]}],
        "alert_rule_test": [
            {"alertname": name, "eval_time": f"{each.texts_at}m", "exp_alerts": []} for name in alerts
        ],
    }  # fmt: skip


ASKED = re.compile(r'expr: "ALERTS\{alertstate=\\"firing\\",asked!=\\"s(\d+) m(\d+)\\"\}"')
TOLD = re.compile(rf"Labels:(\{{(?:{PAIR}(?:, )?)*\}})\s+Annotations:(\{{(?:{PAIR}(?:, )?)*\}})")


def _read(output: str) -> dict[int, Played]:
    """Read what promtool got, story by story."""
    found: dict[int, Played] = defaultdict(Played)
    errors: list[str] = []
    done = -1
    for part in re.split(r"\n(?= +(?:name: s\d+,|expr: |rule: ))", output):
        if asked := ASKED.search(part):
            for labels in LABELS.finditer(part.partition("got:")[2]):
                pairs = dict(_pairs(labels[1]))
                del pairs["__name__"], pairs["alertstate"]
                found[int(asked[1])].firing[tuple(sorted(pairs.items()))].append(int(asked[2]))
        elif named := re.match(r" +name: s(\d+),", part):
            found[int(named[1])].texts += [
                (tuple(sorted(_pairs(labels))), dict(_pairs(notes))) for labels, notes in TOLD.findall(part)
            ]
        elif ended := re.search(r'expr: "vector\((\d+)\)"', part):
            for number in range(done + 1, int(ended[1])):  # those between ended with an error of a rule
                found[number].errors += errors
            errors, done = [], int(ended[1])
            found[done].errors = []
        elif "err:" in part:
            errors.append(part.strip())
    for number in range(done + 1, done + 1000) if errors else ():
        found[number].errors += errors
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for name, value in re.findall(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"', text):
        yield name, str(ast.literal_eval(f'"{value}"')) if "\\" in value else value  # Go escapes as Python does
