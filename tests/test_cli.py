"""The command line: exit codes, one clear line for each mistake, and a process that ends when it is told to."""

import contextlib
import importlib
import io
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter import __version__, cli
from exporter.agent import Options
from exporter.commands.command import Command
from exporter.config import Config
from exporter.simulated.certificates import Zoo
from exporter.simulated.ports import closed_port
from exporter.simulated.scripts import SCRIPTS
from exporter.simulated.server import Server
from exporter.systemd import Systemd
from exporter.wire import OPENSSL
from tests.patience import PATIENCE

ASKED = importlib.import_module("exporter.report.asked")  # the package has a function of that name
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
FORMS = ("text", "json", "prometheus")
GOOD = "targets: [{host: 127.0.0.1, ports: [1]}]\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for each test, and a terminal of a known width."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: its exit code, stdout and stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(each) for each in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def port_of(zoo: Zoo) -> Iterator[Callable[[str], int]]:
    """Start simulated servers in a thread of their own; the command line has its own event loop."""
    import asyncio

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[Server] = []

    def start(script: str) -> int:
        server = Server(SCRIPTS[script](zoo))
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(PATIENCE)
        servers.append(server)
        return server.port

    yield start
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


Run = Callable[..., tuple[int, str, str]]
PortOf = Callable[[str], int]


# --- usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--version"], ["run", "--version"], ["version"]], ids=" ".join)
def test_version(run: Run, arguments: list[str]) -> None:
    code, out, _ = run(*arguments)
    assert (code, out.split()[:2]) == (0, ["smtp-exporter", __version__])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("probe --conf=x a.example", "probe: unrecognized arguments: --conf=x; did you mean --config.file?"),
        ("run --config-file=x", "run: unrecognized arguments: --config-file=x; did you mean --config.file?"),
        ("check-config --strit c.yaml", "check-config: unrecognized arguments: --strit; did you mean --strict?"),
        ("probe --\x1b[31m", r"probe: unrecognized arguments: --\x1b[31m"),
        ("version x", "version: unrecognized arguments: x"),
    ],
)
def test_a_command_tells_its_unknown_flags_itself(run: Run, arguments: str, said: str) -> None:
    command = arguments.partition(" ")[0]
    told = f"smtp-exporter {said} (see smtp-exporter {command} --help)\n"
    assert run(*arguments.split()) == (64, "", told)


@pytest.mark.parametrize("command", ["run", "probe", "check-config", "demo", "reference"])
def test_every_command_has_help(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert (code, out.startswith(f"usage: smtp-exporter {command}")) == (0, True)


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("run", "0 1 64"),
        ("probe", "0 1 2 3 64"),
        ("check-config", "0 1 64"),
        ("demo", "0 1 64"),
        ("reference", "0 64"),
        ("version", "0 64"),
        ("help", "0 64"),
    ],
)
def test_help_lists_the_exit_codes_of_its_command(run: Run, command: str, codes: str) -> None:
    _, out, _ = run(command, "-h")
    assert re.findall(r"^  (\d+) +\S", out.partition("exit codes:")[2], re.MULTILINE) == codes.split()


def test_a_probe_that_cannot_start_for_its_configuration_is_64(run: Run, here: Path) -> None:
    (here / "bad.yaml").write_text("targets: [{host: a.example, port: 25}]\n")
    code, out, err = run("probe", "--config.file=bad.yaml", "127.0.0.1:1")
    assert (code, out, err.startswith("bad.yaml:1:")) == (64, "", True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense"),
        (["run", "--config.fil=x"], "--config.fil=x"),
        (["run", "--log.level=loud"], "--log.level"),
        (["run", "--web.listen-address=10225"], "'10225' is not an address to listen on"),
        (["run", "--web.listen-address=[::1]:99999"], "is not an address to listen on"),
        (["run", "--web.external-url=monitor.example.com"], "is not a URL"),
        (["run", "--web.docs=docs"], "--web.docs: 'docs' is not a URL: write local or https://"),
        (["run", "--web.prometheus-url=localhost:9090"], "is not a URL: write https://prometheus.example.com"),
        (["run", "--web.telemetry-path=/{x}"], "'/{x}' is not a path"),
        (["run", "--web.telemetry-path=/-/ready"], "/-/ready is the path of something else"),
        (["run", "--web.telemetry-path=/probe/"], "/probe is the path of something else"),
        (["run", "--web.telemetry-path=/runbooks/metrics"], "/runbooks/metrics is the path of something else"),
        (["run", "--web.route-prefix=/a b"], "is not a path"),
        (["run", "--shard.index=2", "--shard.count=2"], "--shard.index must be from 0 to --shard.count less 1"),
        (["run", "--shard.index=-1"], "--shard.index must be"),
        (["chek-config"], "unknown command 'chek-config'; did you mean check-config?"),
        (["help", "chek-config"], "chek-config"),
        (["version", "x"], "x"),
        (["check-config", "--print", "a.yaml", "b.yaml"], "--print takes one file"),
        (["check-config", "-", "-"], "standard input can be read only once"),
        (["probe"], "nothing to probe"),
        (["probe", "--module=nonsense", "127.0.0.1:25"], "unknown module 'nonsense'; there are relay"),
        (["probe", "127.0.0.1:99999"], "99999"),
        (["probe", "-.example"], "-.example"),
        (["probe", "--format=xml", "127.0.0.1:25"], "xml"),
        (["demo", "--web.listen-address=nowhere"], "is not an address to listen on"),
        (["reference", "nonsense"], "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_usage_error_is_one_clear_line_and_64(run: Run, here: Path, arguments: list[str], said: str) -> None:
    (here / "smtp-exporter.yaml").write_text(GOOD)
    code, out, err = run(*arguments)
    assert (code, out) == (64, "")
    assert err.startswith("smtp-exporter")
    assert err.count("\n") == 1
    assert said in err


def test_a_keyboard_interrupt_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "reference", Command("x", {}, lambda _: None, interrupted))
    assert run("reference") == (130, "", "")


# --- start-up errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["run"], ["--config.file=smtp-exporter.yaml"]], ids=" ".join)
def test_a_missing_file_is_one_line_and_1(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("smtp-exporter.yaml: ")


def test_errors_of_the_configuration_come_before_anything_is_started(run: Run, here: Path) -> None:
    (here / "bad.yaml").write_text("targets: [{host: a.example, ports: [25, 99999]}]\nglobl: {}\n")
    code, _, err = run("run", "--config.file=bad.yaml", "--web.listen-address=127.0.0.1:0")
    assert code == 1
    assert all(re.match(r"bad\.yaml:\d+:\d+: ", line) for line in err.splitlines())
    assert len(err.splitlines()) == 2


def test_a_port_in_use_is_one_line_and_1(run: Run, here: Path) -> None:
    (here / "smtp-exporter.yaml").write_text(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("run", f"--web.listen-address=127.0.0.1:{port}")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"smtp-exporter: cannot listen on 127.0.0.1:{port}: ")
    assert "in use" in err


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--web.systemd-socket", "smtp-exporter: systemd passed no socket: "),
        ("--web.config.file=missing.yml", "missing.yml: cannot read missing.yml: "),
        ("--web.config.file=web.yml", "web.yml:1:13: rate_limit: this key of exporter-toolkit is not understood"),
    ],
)
def test_what_is_wrong_with_how_it_is_to_listen_is_one_line_and_1(run: Run, here: Path, flag: str, said: str) -> None:
    (here / "smtp-exporter.yaml").write_text(GOOD)
    (here / "web.yml").write_text("rate_limit: {interval: 1s}\n")
    code, out, err = run("run", "--web.listen-address=127.0.0.1:0", flag)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(said)


def test_flags_that_change_who_comes_in_and_when_it_reloads_are_handed_on(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Options] = []

    class Started:
        def __init__(self, _config: Config, options: Options, _systemd: Systemd) -> None:
            given.append(options)

        async def run(self) -> None:
            """End at once."""

    (here / "smtp-exporter.yaml").write_text(GOOD)
    monkeypatch.setattr("exporter.agent.Agent", Started)
    run("run")
    run("run", "--web.config.file=web.yml", "--web.systemd-socket", "--web.enable-lifecycle",
        "--config.enable-auto-reload")  # fmt: skip
    assert given == [
        Options(),
        Options(web_config=Path("web.yml"), systemd_socket=True, lifecycle=True, auto_reload=True),
    ]


# --- check-config ---------------------------------------------------------------------------------------------


def test_a_good_file(run: Run, here: Path) -> None:
    (here / "c.yaml").write_text(GOOD)
    assert run("check-config", "c.yaml") == (0, "c.yaml: 1 targets, 1 ports; no errors\n", "")


@pytest.mark.parametrize("command", [None, *cli.COMMANDS])
def test_help_is_what_the_flag_shows(run: Run, command: str | None) -> None:
    topic = [command] if command else []
    assert run("help", *topic) == run(*topic, "--help")


def test_several_files_are_checked_and_all_that_is_wrong_is_told(run: Run, here: Path) -> None:
    (here / "a.yaml").write_text(GOOD)
    (here / "b.yaml").write_text("x: 1\n" + GOOD)
    (here / "c.yaml").write_text("y: 1\n" + GOOD)
    assert run("check-config", "b.yaml", "a.yaml", "c.yaml") == (
        1, "a.yaml: 1 targets, 1 ports; no errors\n",
        "b.yaml:1:1: x: unknown key `x`\nc.yaml:1:1: y: unknown key `y`\n",
    )  # fmt: skip


def test_without_a_file_it_is_the_one_that_run_reads(run: Run, here: Path) -> None:
    (here / "smtp-exporter.yaml").write_text(GOOD)
    assert run("check-config")[0] == 0


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (GOOD, 0, "-: 1 targets, 1 ports; no errors\n"),
        ("targets: [{host: a, port: 25}]", 1, "-:1:21: targets[0].port: unknown key `port`; write `ports: [25]`\n"),
        ("", 1, "-: expected a mapping with `targets` and other keys, got nothing\n"),
        ("target_files: [t.yaml]", 1, "t.yaml:1:1: expected a list of targets, got 'x'\n"),
    ],
    ids=["good", "bad", "empty", "names a file of this folder"],
)
def test_standard_input_is_checked(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int, said: str
) -> None:
    (here / "t.yaml").write_text("x")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    found, out, err = run("check-config", "-")
    assert (found, out + err) == (code, said)


@pytest.mark.parametrize(
    ("flags", "code"), [([], 0), (["--strict"], 1), (["--print"], 0), (["--print", "--strict"], 1)]
)
def test_warnings_are_errors_only_where_it_is_strict(run: Run, here: Path, flags: list[str], code: int) -> None:
    (here / "d.txt").write_text("a.test\nb test\n")
    (here / "c.yaml").write_text("targets: [{domains_file: d.txt}]\n")
    found, out, err = run("check-config", "c.yaml", *flags)
    assert (found, err) == (
        code, "d.txt:2:1: warning: not a host name: 'b test': it holds a space; the line is skipped\n",
    )  # fmt: skip
    if not flags:
        assert out == "c.yaml: 1 targets, 1 ports; no errors, 1 warning\n"


def test_what_is_printed_is_checked_and_says_the_same(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "t.yaml").write_text("- {hosts: [a.test, b.test], ports: [25, 465], name: both}\n")
    (here / "c.yaml").write_text(GOOD + "target_files: [t.yaml]\nmodules: {mine: {timeout: 5s}}\n")
    code, printed, _ = run("check-config", "--print", "c.yaml")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(printed.encode())))
    again, same, err = run("check-config", "--print", "-")
    assert (code, again, err) == (0, 0, "")
    assert same.split("\n")[1:] == printed.split("\n")[1:]


def test_a_broken_target_file_is_an_error_of_the_check_alone(run: Run, here: Path) -> None:
    (here / "t.yaml").write_text("- {host: b.test, port: 25}\n")
    (here / "c.yaml").write_text(GOOD + "target_files: [t.yaml]\n")
    said = "t.yaml:1:18: [0].port: unknown key `port`; write `ports: [25]`\n"
    assert run("check-config", "c.yaml") == (1, "", said)
    code, _, err = run("probe", "--config.file=c.yaml", "--all")
    assert (code, err) == (2, said)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["check-config", "bad.yaml"], 1), (["check-config", "--print", "c.yaml"], 0), (["probe", "-h"], 0),
     (["probe", "--config.file=bad.yaml", "127.0.0.1:1"], 64), (["nonsense"], 64), (["version"], 0), (["help"], 0)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_reader_that_leaves_early_changes_no_exit_code(
    here: Path, arguments: list[str], code: int, stream: str
) -> None:
    (here / "c.yaml").write_text(GOOD)
    (here / "bad.yaml").write_text("".join(f"k{number}: 1\n" for number in range(500)) + GOOD)
    with process(*arguments, cwd=here) as running:
        getattr(running, stream).close()
        other = running.stderr if stream == "stdout" else running.stdout
        assert other
        said = other.read()
        assert (running.wait(PATIENCE), "Traceback" in said, "Exception ignored" in said) == (code, False, False)


def test_a_bad_file_names_each_place(run: Run, here: Path) -> None:
    (here / "c.yaml").write_text("targets:\n  - host: a.example\n    port: [25]\n")
    code, out, err = run("check-config", "c.yaml")
    assert (code, out) == (1, "")
    assert all(re.fullmatch(r"c\.yaml:\d+:\d+: \S+: .+", line) for line in err.splitlines())
    assert "ports" in err


# --- probe ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scripts", "code"),
    [
        (["healthy"], 0),
        (["starttls_temporary"], 2),
        (["tls_1_0_only"], 1),
        (["greeting_rate_limited"], 3),
        (["healthy", "tls_1_0_only"], 1),
        (["tls_1_0_only", "greeting_rate_limited"], 3),
        (["greeting_rate_limited", "starttls_temporary", "healthy"], 2),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes_and_the_worst_of_several(
    run: Run, port_of: PortOf, zoo: Zoo, scripts: list[str], code: int
) -> None:
    hosts = [f"127.0.0.1:{port_of(script)}" for script in scripts]
    found, out, err = run("probe", f"--ca-file={zoo.ca_file}", *hosts)
    assert (found, err) == (code, "")
    assert all(host in out for host in hosts)


def test_text_tells_what_is_wrong_and_what_to_do(run: Run, port_of: PortOf, zoo: Zoo) -> None:
    _, out, _ = run("probe", f"--ca-file={zoo.ca_file}", f"127.0.0.1:{port_of('certificate_expired')}")
    for text in ("NOT VALID, expired", "certificate_expired", "warning", "likely cause", "first check", "stages",
                 "starttls"):  # fmt: skip
        assert text in out


@pytest.mark.parametrize("form", FORMS)
def test_a_hostile_banner_is_escaped(run: Run, port_of: PortOf, zoo: Zoo, form: str) -> None:
    host = f"127.0.0.1:{port_of('healthy_hostile_banner')}"
    code, out, _ = run("probe", f"--ca-file={zoo.ca_file}", f"--format={form}", host)
    assert code == 0
    assert out.endswith("\n")
    assert not [c for c in out if not c.isprintable() and c != "\n"]


def test_json(run: Run, port_of: PortOf, zoo: Zoo) -> None:
    host = f"127.0.0.1:{port_of('starttls_temporary')}"
    code, out, _ = run("probe", f"--ca-file={zoo.ca_file}", "--format=json", host)
    (found,) = json.loads(out)
    assert (code, found["state"], found["success"]) == (2, "critical", False)
    (problem,) = [each for each in found["problems"] if each["primary"]]
    assert (problem["reason"], problem["stage"]) == ("starttls_temporary", "starttls")
    assert problem["first_check"]
    assert found["transcript"][1]["lines"] == ["220 mail.example.test ESMTP Postfix"]


def test_prometheus(run: Run, port_of: PortOf, zoo: Zoo) -> None:
    host = f"127.0.0.1:{port_of('healthy')}"
    _, out, _ = run("probe", f"--ca-file={zoo.ca_file}", "--format=prometheus", host)
    samples = {sample.name: sample.value for metric in text_string_to_metric_families(out) for sample in metric.samples}
    assert (samples["smtp_probe_success"], samples["smtp_certificate_valid"]) == (1, 1)
    assert "smtp_probe_interval_seconds" not in samples, "nobody probes it again"


@pytest.mark.parametrize("form", FORMS)
def test_no_password_is_shown(run: Run, port_of: PortOf, zoo: Zoo, here: Path, form: str) -> None:
    (here / "password").write_text("Spring2019\n")
    (here / "c.yaml").write_text(
        "modules: {login: {security: starttls, auth: {username: user, password_file: password}}}\n" + GOOD
    )
    host = f"127.0.0.1:{port_of('healthy_submission')}"
    code, out, err = run("probe", "--config.file=c.yaml", "--module=login", f"--ca-file={zoo.ca_file}",
                         f"--format={form}", host)  # fmt: skip
    assert code == 2
    assert "auth_rejected" in out
    for secret in ("Spring2019", "U3ByaW5nMjAxOQ", "AHVzZXIAU3ByaW5nMjAxOQ"):
        assert secret not in out + err


@pytest.fixture
def configured(here: Path, port_of: PortOf, zoo: Zoo) -> Callable[[str, str], tuple[int, str]]:
    """Write a configuration whose target `login` has a server, and a password for it: its port, and the flag."""

    def write(script: str, password: str) -> tuple[int, str]:
        port = port_of(script)
        (here / "password").write_text(f"{password}\n")
        (here / "c.yaml").write_text(f"""
global: {{tls: {{ca_file: {zoo.ca_file}, server_name: mail.example.test}}}}
targets:
  - host: 127.0.0.1
    name: login
    ports: [{{port: {port}, module: submission, auth: {{username: user, password_file: password}}}}]
""")
        return port, "--config.file=c.yaml"

    return write


@pytest.mark.parametrize("how", ["--target=login", "--all", "127.0.0.1", "127.0.0.1:PORT"])
@pytest.mark.parametrize(
    ("password", "code", "said"), [("password", 0, "ok -"), ("Spring2019", 2, "critical auth_rejected")]
)
def test_a_target_is_probed_with_all_its_keys(
    run: Run, configured: Callable[[str, str], tuple[int, str]], how: str, password: str, code: int, said: str
) -> None:
    port, file = configured("healthy_submission", password)
    found, out, err = run("probe", file, "--format=line", how.replace("PORT", str(port)))
    state, place, address, target, reason, _ = out.rstrip("\n").split("\t")
    assert (found, err) == (code, "")
    assert (f"{state} {reason}", place, address, target) == (said, f"127.0.0.1:{port}", "127.0.0.1", "login")


def test_a_module_takes_the_place_of_the_target(run: Run, configured: Callable[[str, str], tuple[int, str]]) -> None:
    port, file = configured("healthy_submission", "Spring2019")
    code, out, err = run("probe", file, "--format=line", "--module=submission", f"127.0.0.1:{port}")
    assert (code, out.split("\t")[3:5], err) == (0, ["127.0.0.1", "-"], "")


def test_where_no_target_matches_it_says_so(run: Run, configured: Callable[[str, str], tuple[int, str]]) -> None:
    port, file = configured("healthy_submission", "password")
    code, out, err = run("probe", file, "--format=line", f"localhost:{port}")
    assert (code, out.split("\t")[3]) == (0, "localhost")
    assert err.startswith(
        f"smtp-exporter: localhost:{port}: no target of c.yaml has this host and port; only its global"
    )


def test_text_names_the_target_it_found(run: Run, configured: Callable[[str, str], tuple[int, str]]) -> None:
    port, file = configured("healthy_submission", "password")
    _, out, _ = run("probe", file, f"127.0.0.1:{port}")
    assert out.splitlines()[:2] == [f"OK 127.0.0.1:{port} submission, security starttls", "  target: login"]


def test_verbose_shows_the_conversation_without_the_password(
    run: Run, configured: Callable[[str, str], tuple[int, str]]
) -> None:
    _, file = configured("healthy_submission", "Spring2019")
    _, out, _ = run("probe", file, "--target=login", "--verbose")
    assert "C EHLO [127.0.0.1]" in out
    assert "C AUTH PLAIN ***" in out
    assert "S 535 5.7.8" in out
    for secret in ("Spring2019", "U3ByaW5nMjAxOQ", "AHVzZXIAU3ByaW5nMjAxOQ"):
        assert secret not in out


def test_a_target_without_a_file_is_looked_for_where_the_agent_looks(
    run: Run, here: Path, configured: Callable[[str, str], tuple[int, str]]
) -> None:
    configured("healthy_submission", "password")
    (here / "c.yaml").rename(here / "smtp-exporter.yaml")
    assert run("probe", "--target=login", "--format=line")[0] == 0


def test_a_timeout_of_the_command_line_holds(run: Run, port_of: PortOf) -> None:
    code, out, _ = run("probe", "--timeout=300ms", "--format=json", f"127.0.0.1:{port_of('greeting_timeout')}")
    [found] = json.loads(out)
    assert (code, found["problems"][0]["reason"]) == (2, "greeting_timeout")
    assert found["duration_seconds"] < 30, "the default"


@pytest.mark.parametrize(("flags", "side_by_side"), [([], False), (["--concurrency=2"], True)])
def test_probes_at_one_address_run_side_by_side_where_that_is_wanted(
    run: Run, port_of: PortOf, flags: list[str], *, side_by_side: bool
) -> None:
    hosts = [f"127.0.0.1:{port_of('greeting_timeout')}" for _ in range(2)]
    _, out, _ = run("probe", "--timeout=2s", "--format=json", *flags, *hosts)
    one, two = json.loads(out)
    began = max(each["finished"] - each["duration_seconds"] for each in (one, two))
    assert (began < min(each["finished"] for each in (one, two))) is side_by_side


def test_several_endpoints_are_counted_in_the_end(run: Run, port_of: PortOf, zoo: Zoo) -> None:
    hosts = [f"127.0.0.1:{port_of(script)}" for script in ("healthy", "starttls_temporary", "tls_1_0_only", "healthy")]
    _, out, _ = run("probe", f"--ca-file={zoo.ca_file}", *hosts)
    assert out.splitlines()[-1] == "4 endpoints: 1 critical, 1 warning, 2 ok"
    _, out, _ = run("probe", f"--ca-file={zoo.ca_file}", hosts[0])
    assert "endpoint" not in out


def test_what_does_not_go_to_a_terminal_is_neither_wrapped_nor_padded(
    run: Run, port_of: PortOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    _, out, _ = run("probe", f"127.0.0.1:{port_of('starttls_temporary')}")
    lines = out.splitlines()
    assert not [line for line in lines if line.endswith(" ") or "  " in line.lstrip()]
    assert [line for line in lines if len(line) > 100]


def test_of_the_usual_ports_closed_ones_count_only_if_none_is_open(
    run: Run, port_of: PortOf, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as one, closed_port() as two:
        monkeypatch.setattr(ASKED, "USUAL_PORTS", (port_of("healthy"), one, two))
        code, out, _ = run("probe", f"--ca-file={zoo.ca_file}", "127.0.0.1")
        assert code == 0
        assert out.count("CLOSED") == 2
        monkeypatch.setattr(ASKED, "USUAL_PORTS", (one, two))
        code, out, _ = run("probe", "127.0.0.1")
        assert code == 2
        assert out.count("CRITICAL") == 2
        code, out, _ = run("probe", f"127.0.0.1:{one}")
        assert (code, "CRITICAL" in out) == (2, True)


def test_closed_usual_ports_have_no_metrics(
    run: Run, port_of: PortOf, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as one:
        monkeypatch.setattr(ASKED, "USUAL_PORTS", (port_of("healthy"), one))
        _, out, _ = run("probe", f"--ca-file={zoo.ca_file}", "--format=prometheus", "127.0.0.1")
    assert f'port="{one}"' not in out
    assert out.count("\nsmtp_probe_success{") == 1


def test_a_missing_ca_file_is_one_line(run: Run) -> None:
    code, out, err = run("probe", "--ca-file=missing.pem", "127.0.0.1:25")
    assert (code, out, err.count("\n")) == (64, "", 1)
    assert "missing.pem" in err


# --- processes ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(*arguments: str, cwd: Path, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*before, sys.executable, "-m", "exporter", *arguments],
        cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent.parent)},
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            running.kill()


def metrics_of(running: subprocess.Popen[str]) -> str:
    """Read where it listens from its log, and scrape it until it has a result."""
    assert running.stderr
    until = time.monotonic() + PATIENCE
    lines = (re.search(r"msg=listening address=(\S+)", line) for line in running.stderr)
    address = next(match[1] for match in lines if match)
    text = ""
    while "\nsmtp_probe_success{" not in text:
        assert time.monotonic() < until, text
        with OPENER.open(f"http://{address}/metrics", timeout=PATIENCE) as answer:
            text = str(answer.read(), "utf-8")
    return text


@pytest.mark.parametrize("arguments", [[], ["run", "--loop=asyncio", "--log.level=info"]], ids=["bare", "run"])
def test_it_runs_survives_sighup_and_ends_on_sigterm_with_0(here: Path, arguments: Sequence[str]) -> None:
    (here / "smtp-exporter.yaml").write_text("global: {interval: 1s, timeout: 1s, connect_timeout: 1s}\n" + GOOD)
    with process(*arguments, "--web.listen-address=127.0.0.1:0", cwd=here) as running:
        metrics_of(running)
        running.send_signal(signal.SIGHUP)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0
        assert "msg=stopped" in err
        assert "Traceback" not in err


def test_the_first_log_line_says_what_runs_and_with_what(here: Path) -> None:
    (here / "smtp-exporter.yaml").write_text(GOOD.replace("]}]", "]}, {domains: [example.test, example.org]}]"))
    with process("--web.listen-address=127.0.0.1:0", "--log.format=json", cwd=here) as running:
        assert running.stderr
        first, second = (json.loads(running.stderr.readline()) for _ in range(2))
    python = ".".join(map(str, sys.version_info[:3]))
    assert first["msg"] == "starting smtp-exporter"
    assert (first["version"], first["python"], first["openssl"]) == (__version__, python, OPENSSL)
    assert (first["config_file"], first["targets"], first["endpoints"], first["domains"]) == (
        "smtp-exporter.yaml", 3, 1, 2,
    )  # fmt: skip
    assert re.fullmatch(r"127\.0\.0\.1:\d+", first["listen"])
    assert first["listen"] == second["address"]


SIGNALLED = {
    "while modules are imported": """
import exporter
exporter.cli = type("cli", (), {"main": lambda: os.kill(os.getpid(), number)})
sys.modules["exporter.cli"] = exporter.cli
""",
    "while a child reads the configuration": """
from exporter.config import apart
async def received(*_):
    os.kill(os.getpid(), number)
    await asyncio.sleep(3600)
apart._received = received
""",
    "while trust anchors are read": """
from exporter.engine import Engine
async def trust(*_):
    os.kill(os.getpid(), number)
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    await asyncio.sleep(3600)
Engine._trust = trust
""",
    "while the web configuration is read": """
from exporter.door import Door
async def latest(*_):
    os.kill(os.getpid(), number)
    await asyncio.sleep(3600)
Door.open = latest
""",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("program", SIGNALLED.values(), ids=SIGNALLED)
def test_a_signal_ends_a_start_at_once_with_0(here: Path, number: int, program: str) -> None:
    (here / "c.yaml").write_text(GOOD)
    ended = subprocess.run(
        [sys.executable, "-c", f"import asyncio, os, sys, threading, time; number = {number:d}\n{program}\n"
         "import exporter.__main__; exporter.__main__.main()", "run", "--config.file=c.yaml",
         "--web.listen-address=127.0.0.1:0", "--log.level=warn"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_a_command_that_a_signal_ends_has_not_succeeded(number: int, code: int) -> None:
    program = SIGNALLED["while modules are imported"].replace("number", f"{number:d}")
    command = f"import os, sys\n{program}\nimport exporter.__main__; exporter.__main__.main()"
    ended = subprocess.run(
        [sys.executable, "-c", command, "probe", "127.0.0.1"], capture_output=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stderr) == (code, b"")


def test_a_reader_that_leaves_early_gets_no_complaint(here: Path) -> None:
    with process("reference", cwd=here) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert (running.stderr.read(), running.wait(PATIENCE)) == ("", 0)


@pytest.mark.parametrize(
    "arguments",
    [["reference"], ["check-config", "c.yaml"], *(["probe", f"--format={form}", "127.0.0.1:1"] for form in FORMS)],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("shell", "said", "codes"),
    [
        ('exec "$@" >&-', "", {0, 2}),
        ('exec "$@" >/dev/full', "smtp-exporter: cannot write: No space left on device\n", {1}),
    ],
    ids=["closed", "full"],
)
def test_nowhere_to_write_to_is_no_traceback(
    here: Path, arguments: list[str], shell: str, said: str, codes: set[int]
) -> None:
    (here / "c.yaml").write_text(GOOD)
    with process(*arguments, cwd=here, before=["sh", "-c", shell, "sh"]) as running:
        assert (running.communicate(timeout=PATIENCE)[1], running.returncode in codes) == (said, True)


def test_a_full_disk_under_stderr_does_not_change_the_verdict(here: Path) -> None:
    (here / "c.yaml").write_text(GOOD)
    shell = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]
    arguments = ["probe", "--config.file=c.yaml", "--format=line", "127.0.0.1:1"]  # says that no target has it
    with process(*arguments, cwd=here, before=shell) as running:
        assert (running.communicate(timeout=PATIENCE)[0].split("\t")[0], running.returncode) == ("critical", 2)


@pytest.mark.parametrize("form", [*FORMS, "line"])
def test_a_reader_that_leaves_early_does_not_change_the_verdict(here: Path, form: str) -> None:
    with closed_port() as port, process("probe", f"--format={form}", f"127.0.0.1:{port}", cwd=here) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert (running.stderr.read(), running.wait(PATIENCE)) == ("", 2)


@pytest.mark.parametrize(
    ("width", "wish"),
    [(0, None), (1, None), (40, None), (65535, None), (80, "0"), (80, "1"), (0, "1000000"), (200, "wide")],
)
def test_a_terminal_of_any_width_shows_all_of_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, width: int, wish: str | None
) -> None:
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setenv("TERM", "xterm")
    if wish:
        monkeypatch.setenv("COLUMNS", wish)
    with closed_port() as port:
        code, shown = on_a_terminal(width, "probe", f"127.0.0.1:{port}", cwd=here)
    plain = re.sub(r"\x1b\[[0-9;]*[mK]", "", shown)
    assert (code, f"127.0.0.1:{port}" in "".join(plain.split())) == (2, True)
    assert "connection_refused" in "".join(plain.split())
    assert not [character for character in plain if not character.isprintable() and character not in "\r\n"]
    limit = next((int(each) for each in (wish, str(width)) if each and each.isdigit() and int(each)), 80)
    assert max(map(len, plain.splitlines())) <= max(limit, 36)


def on_a_terminal(width: int, *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run a command on a terminal of so many columns: its exit code, and all that it wrote."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, width))
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", *arguments], cwd=cwd, stdout=its, stderr=its,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent.parent)},
    ) as running:  # fmt: skip
        os.close(its)
        written = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            while some := os.read(ours, 65536):
                written += some
        os.close(ours)
        return running.wait(PATIENCE), written.decode()


@pytest.mark.parametrize("form", [*FORMS, "line"])
def test_a_locale_without_the_letters_of_a_name_is_no_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with closed_port() as port:
        (here / "c.yaml").write_text(f"targets: [{{host: 127.0.0.1, name: Пошта, ports: [{port}]}}]", "utf-8")
        with process("probe", "--config.file=c.yaml", "--all", f"--format={form}", cwd=here) as running:
            out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err, "\\u041f\\u043e\\u0448\\u0442\\u0430" in out) == (2, "", True)


def test_no_progress_bar_on_a_pipe(here: Path) -> None:
    with closed_port() as port, process("probe", f"127.0.0.1:{port}", cwd=here) as running:
        out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (2, "")
    assert "\x1b" not in out
