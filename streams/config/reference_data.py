"""What is known beside the measurements, the same for all shards of a process: the calendar, and the metadata."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.config.calendar import Calendar
from streams.config.metadata import Register
from streams.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """What is expected, and what networks are called, belong to and weigh."""

    calendar: Calendar = field(default_factory=Calendar)
    register: Register = field(default_factory=Register)


def known_of(settings: Settings) -> Known:
    """Return what the settings say: their own calendar, and the file of metadata. Raises InputError for the file."""
    return Known(Calendar(one.entry() for one in settings.calendar), Register(settings.metadata.path))
