"""Where series are: each worker has those of its partitions, and learns from the group which worker has the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.state.key_watch import home_of
from streams.worker.agents import Worker


def owners(worker: Worker) -> dict[str, list[int]]:
    """Return the partitions of the measurements by the address of the worker that reads them."""
    found: dict[str, list[int]] = worker.app.assignor.owners(worker.settings.kafka.measurements)
    return found


def is_standby(worker: Worker) -> bool:
    """Return whether this worker has no partition since others have them all: it waits to take over."""
    owned = sum(len(numbers) for numbers in owners(worker).values())
    return not worker.assigned() and owned >= worker.settings.kafka.partitions


def peers(worker: Worker) -> list[str]:
    """Return a sentence for the overview of a worker that has no partition, else nothing."""
    if not is_standby(worker):
        return []
    others = addresses(owners(worker))
    return [
        f"Standby: no partition is left for this worker, which waits to take over. Measurements are read by {others}."
    ]


def elsewhere(worker: Worker, entity: str) -> str:
    """Return a sentence on which worker has the series of an entity; empty when it is this one, or unknown."""
    found, own = owners(worker), worker.settings.web.address
    home = home_of(worker.settings.kafka, 0) if entity.startswith("asn/") else None
    if home is not None:
        number = home.placement.of(entity)
        found = {url: numbers for url, numbers in found.items() if number in numbers}
    found = {url: numbers for url, numbers in found.items() if url != own}
    return f"Its series are in the worker at {addresses(found)}." if found else ""


def addresses(found: Mapping[str, Sequence[int]]) -> str:
    """Return addresses as a text, each with its partitions."""
    parts = [
        f"{url} (partition{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))})"
        for url, numbers in found.items()
    ]
    return " or ".join(parts)
