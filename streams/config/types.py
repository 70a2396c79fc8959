"""Types of settings, and the base class of their sections."""

from __future__ import annotations

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?\Z")]
WebAddress = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s@?#\"'<>]*[^\s@?#\"'<>/]\Z")]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Natural = Annotated[int, msgspec.Meta(ge=1)]
Part = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Limit = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Entity = Annotated[str, msgspec.Meta(pattern=r"^(asn/[1-9][0-9]{0,9}|country/[A-Z]{2}|region/[A-Z]{2}-.{1,61})\Z")]


class Duration(float):
    """A duration in seconds; in a file a text such as "5m", or a number."""


class Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of the settings file. Unknown keys are errors."""


def check_secrets(section: Section, keys: tuple[str, ...]) -> None:
    """Raise ValueError when a secret is given both as such and by its file."""
    for key in keys:
        if getattr(section, key) and getattr(section, f"{key}_file") is not None:
            raise ValueError(f"`{key}` and `{key}_file`: give one of them")
