"""A probe leaves no garbage: what goes round in a circle would have to be collected, and that holds the loop."""

import gc
from typing import TYPE_CHECKING

from exporter.probe.shell import Shell
from exporter.simulated.healthy import SmtpServer
from exporter.wire import Wire
from tests.probe.scenarios import IN_CLEAR, STRICT
from tests.probe.test_shell import anchored

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe


async def test_a_conversation_is_freed_as_soon_as_it_is_over(serve: "Serve", probe: "Probe", zoo: "Zoo") -> None:
    server = await serve(SmtpServer(zoo.good))
    gc.collect()
    gc.disable()
    try:
        for settings in (anchored(STRICT, zoo), IN_CLEAR):
            assert (await probe(server.port, settings)).hello
        left = [each for each in gc.get_objects() if isinstance(each, Shell | Wire)]
    finally:
        gc.enable()
    assert left == []
