"""`python -m exporter` and the command `smtp-exporter`."""

import os
import sys
from pathlib import Path

# OpenSSL reads it once, when it is loaded: by what is imported next
os.environ.setdefault("OPENSSL_CONF", str(Path(__file__).with_name("openssl.cnf")))

from exporter import cli


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
