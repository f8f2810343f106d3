"""`python -m exporter` and the command `smtp-exporter`."""

import importlib
import os
import sys

# OpenSSL reads OPENSSL_CONF when it is loaded: the one that probes is loaded without it, and no verdict depends on it
if conf := os.environ.pop("OPENSSL_CONF", None):
    importlib.import_module("cryptography.hazmat.bindings._rust")
    os.environ["OPENSSL_CONF"] = conf  # for Python's own OpenSSL, which serves

from exporter import cli


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
