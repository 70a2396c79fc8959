"""Ports to listen on: find a free one, or check the configured one before anything starts."""

from __future__ import annotations

import socket

from streams.config.errors import AddressInUseError


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of the host on which nothing listens now."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def demand_port(host: str, port: int, key: str) -> None:
    """Raise AddressInUseError, which names the setting and the address, when the port cannot be bound."""
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressInUseError(f"{key} {host}:{port}: cannot listen: {error.strerror}") from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
