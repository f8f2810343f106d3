import asyncio
import errno
import socket

import pytest

from exporter.simulated.ports import closed_port, dropping_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_closed_port_refuses(host: str) -> None:
    with closed_port(host) as port, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_dropping_port_leaves_a_syn_unanswered(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with dropping_port(host) as port, socket.socket(family) as client:
        client.settimeout(0)
        assert client.connect_ex((host, port)) == errno.EINPROGRESS
        syn_sent = 2  # the first byte of struct tcp_info, netinet/tcp.h
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == syn_sent
