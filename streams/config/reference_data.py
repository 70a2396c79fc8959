"""Reference data, the same for all shards of a process: the calendar of expected outages, and the metadata."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.config.calendar import Calendar
from streams.config.metadata import Register
from streams.config.settings import Settings


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """The calendar of what is expected to be down, and the names, operators and weights of networks."""

    calendar: Calendar = field(default_factory=Calendar)
    register: Register = field(default_factory=Register)


def reference_data_of(settings: Settings) -> ReferenceData:
    """Return the calendar of the settings and the metadata of their file. Raises InputError for the file."""
    entries = (expected.entry() for expected in settings.calendar)
    return ReferenceData(Calendar(entries), Register(settings.metadata.path))
