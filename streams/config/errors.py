"""The errors of Ebbtide: each has a message of one line and the exit code of the command that it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NO_FEEDS: Final = "the settings name no feeds: give --settings FILE.toml, or `ebbtide init` writes one"


class EbbtideError(Exception):
    """A failure. The message says what failed and where."""

    exit_code = 1


class UsageError(EbbtideError):
    """The command line or the settings are wrong; nothing was started."""

    exit_code = 2


class SettingsError(UsageError):
    """A settings file or an environment variable has a wrong or unknown key. `keys`: the path of the setting."""

    def __init__(self, text: str, keys: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.keys = keys


class InputError(EbbtideError):
    """A file cannot be read."""


class BrokerError(EbbtideError):
    """The broker cannot be reached, or lacks a topic."""


class AddressInUseError(EbbtideError):
    """A port to listen on is in use."""


class InstallationError(EbbtideError):
    """The topics belong to another installation."""


class StateError(EbbtideError):
    """A snapshot cannot be read by this version."""


class StateInUseError(EbbtideError):
    """The state of a group cannot be changed while one of its workers is alive."""
