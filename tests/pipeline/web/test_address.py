from __future__ import annotations

import socket

import pytest
from stylize_video.pipeline.web import address


def test_without_a_network_the_loopback_address_is_printed(monkeypatch: pytest.MonkeyPatch):
    def unreachable(self: socket.socket, address: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert address.reachable_host("0.0.0.0") == "127.0.0.1"
    assert address.reachable_host("::") == "::1"
    assert address.reachable_host("192.168.7.7") == "192.168.7.7"
    assert address.page_url("::", 80, "t") == "http://[::1]:80/?token=t"
