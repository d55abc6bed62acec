"""Where operators ask: any address that the settings take."""

import socket

import pytest

from infra import admin
from infra.admin import AdminApp, listen
from infra.errors import ConfigurationError
from infra.metrics import PrometheusMetrics
from infra.settings import Address
from processors import composition


def test_processors_listen_on_an_ipv6_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """`METRICS_BIND=[::1]:0`; told by what is asked of the system, for a machine may have no IPv6."""
    asked: list[tuple[tuple[str, int], int]] = []
    listeners: list[socket.socket] = []
    make = socket.create_server

    def record(address: tuple[str, int], *, family: int = socket.AF_INET) -> socket.socket:
        asked.append((address, family))
        return make(("127.0.0.1", 0))

    def keep(listener: socket.socket, _: AdminApp) -> None:
        listeners.append(listener)

    monkeypatch.setattr(admin.socket, "create_server", record)
    monkeypatch.setattr(composition, "serve", keep)
    composition._serve_metrics(Address.of("[::1]:0"), PrometheusMetrics("processor_"))
    for listener in listeners:
        listener.close()

    assert asked == [(("::1", 0), socket.AF_INET6)]


def test_a_taken_address_is_told_with_its_setting() -> None:
    """The operator knows what to change."""
    with (
        listen("METRICS_BIND", Address("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigurationError, match="METRICS_BIND"),
    ):
        listen("METRICS_BIND", Address(*taken.getsockname()[:2]))
