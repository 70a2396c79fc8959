"""What can go wrong, as a tree: every error carries one clear line and the exit code it ends a command with."""

from __future__ import annotations


class EbbtideError(Exception):
    """Something failed; the line says what and where."""

    exit_code = 1


class UsageError(EbbtideError):
    """The command line or the settings are wrong; nothing was started."""

    exit_code = 2


class SettingsError(UsageError):
    """A settings file or an environment variable has a wrong or unknown key."""


class InputError(EbbtideError):
    """A file cannot be read."""


class BrokerError(EbbtideError):
    """The broker is out of reach, or lacks a topic."""


class AddressInUseError(EbbtideError):
    """A port that we should listen on is taken."""


class StateError(EbbtideError):
    """A snapshot cannot be read by this version."""


class StateInUseError(EbbtideError):
    """The state of a group cannot be changed while a worker of it is alive."""
