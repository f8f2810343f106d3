"""Dovecot's authentication service, alone: it judges the logins of Postfix's clients. One user is known to it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from string import Template

from tests.real.processes import Server, running

USER = "user"
PASSWORD = "secret"

CONFIGURATION = Template("""\
base_dir = $directory/run
state_dir = $directory/state
log_path = /dev/stderr
protocols =
ssl = no
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = $directory/users
}
service auth {
  unix_listener $directory/auth {
    mode = 0666
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
""")


@contextlib.contextmanager
def run_dovecot(directory: Path) -> Iterator[Server]:
    """Run Dovecot in a directory; its socket there is `auth`."""
    (directory / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    configuration = directory / "dovecot.conf"
    configuration.write_text(CONFIGURATION.substitute(directory=directory))
    server = Server("Dovecot", directory, {})
    command: list[str | Path] = ["/usr/sbin/dovecot", "-F", "-c", configuration]
    with running(server, command, ready=(directory / "auth").is_socket):
        yield server
