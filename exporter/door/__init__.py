"""The door of the web server: --web.config.file in exporter-toolkit's format, and bounds to what strangers may take.

A recipe in six steps, each a file that knows nothing of the next:

1. `keys` is the table of the format; `reading` holds a file against it, with `identity` for the certificates in it.
2. `settings` is what comes out; `following` keeps it as its files now say.
3. `transport` speaks TLS over one connection.
4. `connections` bounds how many there are, and how long each may take for what; `site` listens.
5. `passwords` compares with bcrypt hashes, off the loop.
6. `door` asks everybody for theirs, and sets the headers.

No page is served here, and no secret leaves: not in an error, not in a log line.
"""

from exporter.door.connections import Limits
from exporter.door.door import Door

__all__ = ["Door", "Limits"]
