"""`python -m exporter` and the command `smtp-exporter`."""

import importlib
import os
import signal
import sys

# OpenSSL reads OPENSSL_CONF when it is loaded: the one that probes is loaded without it, and no verdict depends on it
if conf := os.environ.pop("OPENSSL_CONF", None):
    importlib.import_module("cryptography.hazmat.bindings._rust")
    os.environ["OPENSSL_CONF"] = conf  # for Python's own OpenSSL, which serves

ONCE = ("probe", "check-config", "reference", "version", "help")
"""Commands that come to an end by themselves: one that a signal ends has not succeeded."""


def main() -> None:
    """Run the command line and exit with its code."""
    if not sys.argv[1:] or sys.argv[1] not in ONCE:
        for number in (signal.SIGINT, signal.SIGTERM):  # while modules are imported; then the event loop handles them
            signal.signal(number, _end)
    try:
        from exporter import cli

        code = cli.main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _end(*_: object) -> None:
    """End at once with 0: nothing has begun that would have to be closed."""
    os._exit(0)


if __name__ == "__main__":
    main()
