"""The mail server of the examples, in a network of its own: mail.example.com on 25, 465 and 587.

python -m tests.docs.mailserver DIRECTORY
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from exporter.simulated.certificates import Zoo
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.server import Server


async def main(directory: Path) -> None:
    """Serve until the end of the process; the file `ready` says that it has begun."""
    zoo = Zoo(directory, names=("mail.example.com",))
    async with contextlib.AsyncExitStack() as servers:
        for port in (25, 465, 587):
            auth = () if port == 25 else ("PLAIN", "LOGIN")
            script = SmtpServer(zoo.good, implicit=port == 465, auth=auth, banner="mail.example.com ESMTP Postfix")
            await servers.enter_async_context(Server(script, port=port, remember=1))
        (directory / "ready").touch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
