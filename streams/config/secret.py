"""Secrets from the settings or from a file, which are not shown by accident."""

from __future__ import annotations

from pathlib import Path

from streams.config.bounded_file import first_bytes
from streams.config.errors import SettingsError

MAX_FILE = 65_536


class Secret:
    """A password or token: `repr`, `str` and `format` give `***`, and it cannot be pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, to send or compare it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def one_of(text: Secret | None, file: str | None, key: str) -> Secret | None:
    """Return the secret of the settings, or of a file. Raises SettingsError, which names the key and the file."""
    if file is None:
        return text
    try:
        content = first_bytes(Path(file), MAX_FILE + 1)
        found = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingsError(f"{key} {file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{key} {file}: is not UTF-8 text") from None
    if not found or len(content) > MAX_FILE:
        raise SettingsError(f"{key} {file}: {'is empty' if not found else f'is longer than {MAX_FILE} bytes'}")
    return Secret(found)
