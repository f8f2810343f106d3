"""Each mistake that people make has a message that says what to do: here are the exact ones.

The text stands for `targets:` with one host a.test unless it has targets of its own; places count from its first line.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.config import Config, ConfigErrors, load

Read = Callable[[str], Config]
Errors = Callable[[str], list[str]]

TARGETS = "targets: [{host: a.test, ports: [25]}]\n"
LEFT, RIGHT, LOW, DASH, SPACE = "\u201c", "\u201d", "\u201e", "\u2013", "\u00a0"
MIGRATING = "see docs/migrating-from-blackbox.md"


def target(keys: str) -> str:
    return f"targets: [{{{keys}}}]"


KINDS = {
    "port: one": (target("host: a, port: 25"), ["1:21: targets[0].port: unknown key `port`; write `ports: [25]`"]),
    "port: several": (
        target("host: a, port: [25, 465]"),
        ["1:21: targets[0].port: unknown key `port`; write `ports: [25, 465]`"],
    ),
    "ports: one": (
        target("host: a, ports: 25"),
        ["1:28: targets[0].ports: expected a list, got the number 25: write `ports: [25]`"],
    ),
    "ports: in one string": (
        target("host: a, ports: '25, 465'"),
        ["1:28: targets[0].ports: expected a list, got '25, 465': write `ports: [25, 465]`"],
    ),
    "ports of a port entry": (
        target("host: a, ports: [{ports: 25}]"),
        ["1:29: targets[0].ports[0]: `port` is required",
         "1:30: targets[0].ports[0].ports: unknown key `ports`; did you mean `port`?"],
    ),
    "a list as the port of an entry": (
        target("host: a, ports: [{port: [25, 465]}]"),
        ["1:36: targets[0].ports[0].port: a port is a number from 1 to 65535, got a list: "
         "write an entry for each port"],
    ),
    "a port as a key": (
        target("host: a, ports: [25: {security: none}]"),
        ["1:29: targets[0].ports[0]: `port` is required",
         "1:29: targets[0].ports[0]: a key must be a string, got the number 25: "
         "write `port: 25`, and its keys beside it"],
    ),
    "host: several": (
        target("host: [a, b.test], ports: [25]"),
        ["1:18: targets[0].host: expected a string, got a list: write `hosts: [a, b.test]`"],
    ),
    "host: many": (
        target("host: [a, b, c, d, e], ports: [25]"),
        ["1:18: targets[0].host: expected a string, got a list: write `hosts: [a, b, c, ...]`"],
    ),
    "hosts: one": (
        target("hosts: a.test, ports: [25]"),
        ["1:19: targets[0].hosts: expected a list, got 'a.test': write `hosts: [a.test]`"],
    ),
    "domain: several": (
        target("domain: [a.test, b.test]"),
        ["1:20: targets[0].domain: expected a string, got a list: write `domains: [a.test, b.test]`"],
    ),
    "domains: one": (
        target("domains: a.test"),
        ["1:21: targets[0].domains: expected a list, got 'a.test': write `domains: [a.test]`"],
    ),
    "domain_file": (
        target("domain_file: d.txt"),
        ["1:12: targets[0].domain_file: unknown key `domain_file`; did you mean `domains_file`?"],
    ),
    "label": (
        target("host: a, ports: [25], label: {a: b}"),
        ["1:34: targets[0].label: unknown key `label`; did you mean `labels`?"],
    ),
    "modules of a target": (
        target("host: a, ports: [25], modules: relay"),
        ["1:34: targets[0].modules: unknown key `modules`; did you mean `module`?"],
    ),
    "target": ("target: [{host: a, ports: [25]}]", ["1:1: target: unknown key `target`; did you mean `targets`?"]),
    "target_file": (
        f"{TARGETS}target_file: t/*.yaml",
        ["2:1: target_file: unknown key `target_file`; write `target_files: [t/*.yaml]`"],
    ),
    "target_files: one": (
        f"{TARGETS}target_files: '*.yaml'",
        ["2:15: target_files: expected a list, got '*.yaml': write `target_files: [\"*.yaml\"]`"],
    ),
    "nameserver": (
        f"{TARGETS}global: {{nameserver: 192.0.2.53}}",
        ["2:10: global.nameserver: unknown key `nameserver`; write `nameservers: [192.0.2.53]`"],
    ),
    "extensions: one": (
        f"{TARGETS}global: {{expect: {{extensions: SIZE}}}}",
        ["2:31: global.expect.extensions: expected a list, got 'SIZE': write `extensions: [SIZE]`"],
    ),
    "targets: one": (
        "targets: {host: a, ports: [25]}",
        ["1:10: targets: expected a list, got a mapping: write `- ` before each item of `targets`"],
    ),
    "targets: names": (
        "targets: [a.test:25]",
        ["1:11: targets[0]: expected a mapping, got 'a.test:25'; a target is written as "
         "{host: mail.example.com, ports: [25]}"],
    ),
    "a file_sd list": (
        "targets: [{targets: [a.test:25]}]",
        ["1:12: targets[0].targets: unknown key `targets`: this is a file_sd list; write it to a file that "
         "`target_files` names"],
    ),
    "a list of one": (
        f"{TARGETS}global: {{timeout: [5s], ehlo_name: [a, b]}}",
        ["2:19: global.timeout: expected a duration such as 30s, 5m or 1h30m, got a list: remove the brackets",
         "2:36: global.ehlo_name: expected a string, got a list"],
    ),
    "a list in a list": (
        f"{TARGETS}global: {{nameservers: [[192.0.2.53]]}}",
        ["2:24: global.nameservers[0]: expected a string, got a list: remove the inner brackets"],
    ),
    "ports in a list": (
        target("host: a, ports: [[25]]"),
        ["1:29: targets[0].ports[0]: expected a mapping, got a list: remove the inner brackets"],
    ),
    "a list in quotes": (
        target("hosts: '[a, b]', ports: [25], labels: '{a: b}'"),
        ["1:19: targets[0].hosts: expected a list, got '[a, b]': remove the quotes",
         "1:50: targets[0].labels: expected a mapping, got '{a: b}': remove the quotes"],
    ),
    "half a list": (
        target("host: a, ports: 25") + "\ntarget_files: t.yaml]\n",
        ["1:28: targets[0].ports: expected a list, got the number 25: write `ports: [25]`",
         "2:15: target_files: expected a list, got 't.yaml]': write `target_files: [t.yaml]`"],
    ),
    "a key of another section": (
        f"{TARGETS}egress: {{max_addresses: 5, timeout: 5s, certificate: any, allow_private: true}}\n"
        "global: {labels: {}}",
        ["2:10: egress.max_addresses: unknown key `max_addresses`; it belongs in `global`",
         "2:28: egress.timeout: unknown key `timeout`; it belongs in `global`, a module, a target or a port",
         "2:41: egress.certificate: unknown key `certificate`; it belongs in `expect`",
         "2:59: egress.allow_private: unknown key `allow_private`; it belongs in `global.mta_sts`",
         "3:10: global.labels: unknown key `labels`; it belongs in a target"],
    ),
    "keys that lack a character": (
        "targets:\n- host: a\n  ports: [25]\n  -name: x\n  labels {team: mail}\n  timeout:: 5s\n",
        ["4:3: targets[0].-name: unknown key `-name`: a space is missing after the hyphen",
         "5:3: targets[0].labels {team: unknown key `labels {team`: a colon is missing after the key",
         "6:3: targets[0].timeout:: unknown key `timeout:`: one colon is enough"],
    ),
    "a secret is not shown as an item": (
        target("host: a, ports: [25], auth: {username: u, passwords: hunter2, password_file: [hunter2]}"),
        ["1:54: targets[0].auth.passwords: unknown key `passwords`: secrets are not written here; use `password_file` "
         "or `password_env`",
         "1:89: targets[0].auth.password_file: expected a name, in quotes: remove the brackets"],
    ),
}  # fmt: skip

SCALARS = {
    "a quoted port": (
        target('host: a, ports: ["25"]'),
        ["1:29: targets[0].ports[0]: a port is a number from 1 to 65535, got '25': remove the quotes"],
    ),
    "a quoted number of an entry": (
        target("host: a, ports: [{port: '25'}]"),
        ["1:36: targets[0].ports[0].port: a port is a number from 1 to 65535, got '25': remove the quotes"],
    ),
    "a quoted bound": (
        f"{TARGETS}global: {{max_addresses: '5'}}",
        ["2:25: global.max_addresses: expected a number from 1 to 1000, got '5': remove the quotes"],
    ),
    "quoted days": (
        f"{TARGETS}global: {{expect: {{min_days_left: '14'}}}}",
        ["2:34: global.expect.min_days_left: expected a number of days from 0 to 36500, without a unit, got '14': "
         "remove the quotes"],
    ),
    "a quoted boolean": (
        f"{TARGETS}probe_endpoint: {{enabled: 'true'}}",
        ["2:27: probe_endpoint.enabled: expected true or false, got 'true': remove the quotes"],
    ),
    "a boolean of old YAML": (
        f"{TARGETS}probe_endpoint: {{enabled: no}}",
        ["2:27: probe_endpoint.enabled: expected true or false, got the old YAML boolean no: write false"],
    ),
    "curly quotes": (
        target(f"host: {LEFT}a.test{RIGHT}, ports: [25], name: {LOW}x{LEFT}"),
        [f"1:18: targets[0].host: expected a string, got the text in curly quotes {LEFT}a.test{RIGHT}: "
         "write straight ones, \" or '",
         f"1:47: targets[0].name: expected a string, got the text in curly quotes {LOW}x{LEFT}: "
         "write straight ones, \" or '"],
    ),
    "curly quotes around a key": (
        f"{TARGETS}{LEFT}global{RIGHT}: {{}}",
        [f"2:1: a key must be a string, got the text in curly quotes {LEFT}global{RIGHT}: "
         "write straight ones, \" or '"],
    ),
    "curly quotes around a colon": (
        f"{TARGETS}global:\n  ehlo_name: {LEFT}a: b{RIGHT}",
        ["3:16: a colon within curly quotes: write straight ones, \" or '"],
    ),
    "a dash": (
        f"targets:\n  {DASH} host: a\n",
        [f"2:3: targets: a key must be a string, got the text after a dash {DASH} host: write a hyphen, -",
         "2:3: targets: expected a list, got a mapping: write `- ` before each item of `targets`",],
    ),
    "a no-break space before a key": (
        f"{TARGETS}{SPACE}global: {{}}",
        [r"2:1: a key must be a string, got the text with an invisible character \xa0global: "
         "delete it and write a plain space"],
    ),
    "a no-break space after a colon": (
        f"target_files:{SPACE}[]\n{TARGETS}",
        ["1:14: a no-break space (U+00A0): write a plain one"],
    ),
    "an unknown module": (
        target("host: a, ports: [25], module: tcp_connect") + "\nmodules: {mine: {}}",
        ["1:42: targets[0].module: unknown module 'tcp_connect'; known: relay, submissions, submission, mine"],
    ),
    "a module that is nearly one": (
        target("host: a, ports: [25], module: submision"),
        ["1:42: targets[0].module: unknown module 'submision'; did you mean 'submission'? "
         "known: relay, submissions, submission"],
    ),
    "a variable": (
        target('host: "${HOST}", ports: [25]'),
        ["1:18: targets[0].host: not a host name: '${HOST}': variables and templates are not filled in here"],
    ),
    "a template": (
        target("host: {{ host }}, ports: [25]"),
        ["1:18: targets[0].host: expected a string, got a mapping",
         "1:19: targets[0].host: {{ }}: a template that was not filled in"],
    ),
    "a label without a space": (
        target("host: a, ports: [25], labels: {team:mail}"),
        ["1:43: targets[0].labels.team:mail: 'team:mail' is no label name: a space is missing after the colon",
         "1:52: targets[0].labels.team:mail: the value of a label is a string, got nothing: put it in quotes"],
    ),
    "a section without a colon": (
        f"{TARGETS}global:\n  timeout 5s\n",
        ["3:3: global: expected a mapping, got 'timeout 5s': a colon is missing after the key"],
    ),
    "a missing key": (f"{TARGETS}? \n: 5", ["2:2: a key is missing before the colon"]),
    "a target without a space": (
        "targets:\n- host:a\n",
        ["2:3: targets[0]: expected a mapping, got 'host:a': a space is missing after the colon; "
         "a target is written as {host: mail.example.com, ports: [25]}"],
    ),
    "a text that is a comment": (
        "targets:\n- host: a\n  ports: [25]\n  name: #1\n",
        ["4:8: targets[0].name: expected a string, got nothing: a # begins a comment, so put the text in quotes"],
    ),
}  # fmt: skip

SYNTAX: "Cases" = {
    "a colon": ("global:\n  ehlo_name: a: b", ["2:15: a colon within a text: put the whole text in quotes"]),
    "a # in brackets": (
        "global: {expect: {banner: ESMTP #5}}",
        ["1:18: a # in this line begins a comment: put the text that holds it in quotes"],
    ),
    "a wildcard": (
        "probe_endpoint:\n  allow: [*.example.com]",
        ["2:11: a text that begins with * must stand in quotes"],
    ),
    "an alias of nothing": ("global:\n  x: *ab", ["2:6: a text that begins with * must stand in quotes"]),
    "a closing bracket": ("global:\n  x: ]", ["2:6: a text that begins with ] must stand in quotes"]),
    "a tag": ("global:\n  x: !a{b", ["2:6: a text that begins with ! must stand in quotes"]),
    "a first line that is indented": (
        "# first\n targets: []\nglobal: {}",
        ["2:1: this line is indented, and line 3 of the same list or mapping is not"],
    ),
    "a directive": ("%YAML: 1", ["1:1: a line that begins with % is not understood: leave it out"]),
    "an anchor without a name": ("&: 1", ["1:1: a text that begins with & must stand in quotes"]),
    "a percent sign": ("global:\n  x: %a", ["2:6: a text that begins with % must stand in quotes"]),
    "an at sign": ("global:\n  x: @a", ["2:6: a text that begins with @ must stand in quotes"]),
    "a pipe": ("global:\n  x: |a", ["2:6: a text that begins with | must stand in quotes"]),
    "a bracket in a text": (
        "global:\n  x: [a-z]+",
        ["2:11: text after a closing quote or bracket: put the whole text in quotes; a ' within '...' is written ''"],
    ),
    "a quote in a text": (
        "global:\n  x: 'it's'",
        ["2:10: text after a closing quote or bracket: put the whole text in quotes; a ' within '...' is written ''"],
    ),
    "an open quote": ('global:\n  x: "a\n  y: 1\n', ["2:6: the quote that opens here is never closed"]),
    "an open bracket": ("x: [25, 465\ny: 1", ["1:4: this [ is not closed, or a comma is missing before line 2"]),
    "an open bracket at the end": ("x: [", ["2:1: a comma or a closing bracket is missing here"]),
    "a missing comma": ("{'a': 1 'b': 2}", ["1:12: a comma or the end of the { is missing here"]),
    "a backslash": (
        'x: "ESMTP\\s"',
        [r"1:10: \s means nothing in double quotes: use single quotes, where a backslash is only itself"],
    ),
    "a tab before a key": ("global:\n\tx: 1", ["2:1: a tab: YAML is indented with spaces"]),
    "a tab before the next key": ("global:\n  x: 1\n\ty: 2", ["3:1: a tab: YAML is indented with spaces"]),
    "a missing space": ("targets:\n- host:a\n  ports: [25]", ["2:7: a space is missing after the colon"]),
    "a missing colon": ("targets:\n- host: a\n  ports [25]\n", ["3:3: a colon is missing after the key"]),
    "a line too far in": (
        "targets:\n- host: a\n    ports: [25]",
        ["3:10: this line is indented too far, or the line before has no colon"],
    ),
    "a line too far out": (
        "targets:\n  - host: a\n   ports: [25]",
        ["3:4: this line fits neither the list that begins on line 2 nor its last item: check its indentation"],
    ),
    "a line between": (
        "global:\n    x: 1\n  y: 2",
        ["3:3: this line does not fit the indentation of the lines before"],
    ),
    "an item among keys": (
        "targets: []\n- host: a",
        ["2:1: an item of a list among keys: it does not fit the indentation of the lines before"],
    ),
    "a conflict": ("a: 1\n<<<<<<< HEAD\nb: 1\n=======", ["2:1: a merge conflict that was not resolved"]),
    "a template": ("{% if x %}\na: 1", ["1:2: a template that was not filled in"]),
    "another format": ("[global]\nx=1", ["2:1: text after the end of a value: is this a YAML file?"]),
    "UTF-16": ("a: 1".encode("utf-16"), ["UTF-16 text: save it as UTF-8"]),
}  # fmt: skip

FOREIGN = {
    "blackbox_exporter": (
        "modules:\n  smtp_starttls:\n    prober: tcp\n    tcp: {}\n",
        [f"3:5: modules.smtp_starttls.prober: this is a blackbox_exporter configuration: {MIGRATING}"],
    ),
    "Prometheus": (
        "global: {evaluation_interval: 15s}\nscrape_configs:\n- job_name: x\n",
        [f"2:1: scrape_configs: this is a Prometheus configuration: {MIGRATING}"],
    ),
    "Prometheus without jobs": (
        "global: {evaluation_interval: 15s, scrape_interval: 15s}\n",
        [f"1:10: global.evaluation_interval: this is a Prometheus configuration: {MIGRATING}"],
    ),
    "a list of jobs": ("- job_name: x\n", [f"1:3: [0]: this is a Prometheus configuration: {MIGRATING}"]),
    "a list of targets": (
        "- targets: ['a:25']\n",
        ["1:1: this is a list of targets: name the file in `target_files`, or write `targets:` before the list"],
    ),
    "rules": ("groups: []", ["1:1: groups: this is a file of Prometheus rules, not a configuration of smtp-exporter"]),
    "Alertmanager": (
        "route: {}\nreceivers: []",
        ["2:1: receivers: this is an Alertmanager configuration, not one of smtp-exporter"],
    ),
    "a web configuration": (
        "tls_server_config: {}",
        ["1:1: tls_server_config: this is a web configuration: pass it with --web.config.file"],
    ),
}
Cases = Mapping[str, tuple[str | bytes, list[str]]]
GROUPS: dict[str, Cases] = {"kind": KINDS, "scalar": SCALARS, "syntax": SYNTAX, "foreign": FOREIGN}
CASES = {f"{kind}: {name}": case for kind, cases in GROUPS.items() for name, case in cases.items()}


@pytest.mark.parametrize(("text", "said"), CASES.values(), ids=CASES)
def test_a_message_says_what_to_do(tmp_path: Path, text: str | bytes, said: list[str]) -> None:
    file = tmp_path / "c.yaml"
    with pytest.raises(ConfigErrors) as raised:
        load(file, {}, text=text if isinstance(text, bytes) else text.encode())
    assert [line.removeprefix(f"{file}:").strip() for line in raised.value.told] == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets:\n  - targets: [a:25]\n", "expected a list of targets, got a mapping: leave `targets:` out and write "
         "only the list"),
        ("targets: ['a:25']\n", "expected a list of targets, got a mapping: begin with `- targets:`"),
        ("scrape_configs: []\n", f"expected a list of targets, got a mapping: this is a Prometheus configuration: "
         f"{MIGRATING}"),
        ("a.example\nb.example\n", "expected a list of targets, got 'a.example b.example'"),
    ],
    ids=["a configuration", "a group", "Prometheus", "names"],
)  # fmt: skip
def test_a_target_file_holds_a_list(errors: Errors, text: str, said: str) -> None:
    Path("t.yaml").write_text(text)
    assert errors("target_files: [t.yaml]") == [f"t.yaml:1:1: {said}"]


COMMENTS = {
    "at once": ("banner: ESMTP #5", True),
    "after two spaces": ("banner: ESMTP  #5", True),
    "with a space": ("banner: ESMTP # fifth", False),
    "in quotes": ("banner: 'ESMTP #5'", False),
    "no comment": ("banner: ESMTP#5", False),
    "of no text": ("min_days_left: 5 #days", False),
}


@pytest.mark.parametrize(("line", "warned"), COMMENTS.values(), ids=COMMENTS)
def test_a_comment_that_may_be_text_is_a_warning(read: Read, line: str, warned: bool) -> None:
    config = read(f"{TARGETS}global:\n  expect:\n    {line}\n")
    said = "a comment begins here; if it is a part of the text, put the whole text in quotes"
    place = f"c.yaml:4:{line.find('#') + 5}"
    assert [str(each) for each in config.warnings] == ([f"{place}: warning: {said}"] if warned else [])
