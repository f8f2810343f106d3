"""Dovecot's submission proxy, one process for each row of `LISTENERS`: it has one key for all its ports."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from exporter.simulated.certificates import Zoo
from tests.real.dovecot import PASSWORD, USER
from tests.real.processes import Server, free_ports, running

SUBMISSION_LOGIN = Path("/usr/lib/dovecot/submission-login")

LISTENERS: Mapping[str, str] = {"submission": "good", "wrong_key": "expired"}
"""Listener -> whose private key it has. `wrong_key` has that of another certificate."""

CONFIGURATION = Template("""\
base_dir = $directory/run
state_dir = $directory/state
log_path = /dev/stderr
hostname = mail.example.test
listen = 127.0.0.1
protocols = submission
ssl = required
ssl_cert = <$certificate
ssl_key = <$key
auth_mechanisms = plain login
mail_location = maildir:$directory/mail
submission_relay_host = 127.0.0.1
passdb {
  driver = passwd-file
  args = $directory/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$directory
}
service submission-login {
  inet_listener submission {
    port = $port
  }
}
""")


@contextlib.contextmanager
def run_submission(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run them in subdirectories."""
    server = Server("Dovecot submission", directory, free_ports(tuple(LISTENERS)))
    with contextlib.ExitStack() as stack:
        for listener, key in LISTENERS.items():
            stack.enter_context(_run_one(listener, directory / listener, zoo, key, server.port(listener)))
        yield server


@contextlib.contextmanager
def _run_one(listener: str, directory: Path, zoo: Zoo, key: str, port: int) -> Iterator[Server]:
    directory.mkdir()
    (directory / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    files = {"certificate": zoo["good"].pem_file, "key": zoo[key].pem_file}
    configuration = directory / "dovecot.conf"
    configuration.write_text(CONFIGURATION.substitute(directory=directory, port=port, **files))
    server = Server(f"Dovecot {listener}", directory, {listener: port})
    with running(server, ["/usr/sbin/dovecot", "-F", "-c", configuration]):
        yield server
