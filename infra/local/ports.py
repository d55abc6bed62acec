"""Ports of loopback for servers that are about to start."""

import random
import socket
from contextlib import ExitStack

HOST = "127.0.0.1"
# Below those that Linux (32768 and up) and others (49152 and up) give to outgoing connections: until a server has
# started, seconds pass, and one of those could take its port meanwhile.
_FIRST, _LAST = 20_000, 32_767
_TRIES = 1000


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now; all different."""
    with ExitStack() as held:
        return [_bound(held.enter_context(socket.socket())) for _ in range(count)]


def free_port() -> int:
    """Return one such port."""
    return free_ports(1)[0]


def _bound(one: socket.socket) -> int:
    for port in random.sample(range(_FIRST, _LAST + 1), _TRIES):
        try:
            one.bind((HOST, port))
        except OSError:
            continue
        return port
    raise OSError(f"none of {_TRIES} ports of {HOST} is free")
