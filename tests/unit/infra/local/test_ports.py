"""Ports for servers that are about to start."""

import socket
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.ports import free_ports

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_they_are_all_different() -> None:
    """As many as were asked for, none twice."""
    assert len(set(free_ports(20))) == 20


@pytest.mark.skipif(not _OUTGOING.exists(), reason="only Linux tells")
def test_no_outgoing_connection_gets_one_meanwhile() -> None:
    """Linux gives those others."""
    first, last = map(int, _OUTGOING.read_text().split())

    assert not any(first <= port <= last for port in free_ports(20))


def test_one_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said when there is none."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(ports.random, "sample", lambda *_: [taken.getsockname()[1]])

        with pytest.raises(OSError, match="is free"):
            free_ports(1)
