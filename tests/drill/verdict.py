"""What the workers sent and counted, against what `ebbtide detect` says of the same input undisturbed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.ebbtide import PROGRAM, env

SHOWN = 5
FOUND = 0.9
Key = tuple[str, int]  # outage_id, revision
COUNTED = ("received", "binned", "late", "dead")


class Undisturbed(NamedTuple):
    """What `ebbtide detect` wrote: revisions by id and number, and its counts."""

    revisions: dict[Key, bytes]
    counts: dict[str, int]


def detect(feeds: Path, file: Path) -> Undisturbed:
    """Run `ebbtide detect` on a file, in the order in which it was sent. Raises CalledProcessError when it fails."""
    command = [*PROGRAM, "detect", "--as-is", "--settings", str(feeds), str(file)]
    done = subprocess.run(command, capture_output=True, check=True, env=env(None))
    return Undisturbed({key_of(line): line for line in done.stdout.splitlines()}, counts_of(done.stderr.decode()))


def counts_of(summary: str) -> dict[str, int]:
    """Return the counts in the summary of `ebbtide detect`, named like those of the worker's status page."""
    found = {}
    counts = next(line for line in summary.splitlines() if " measurements in " in line)
    for part in counts.split(" · "):
        number, _, name = part.partition(" ")
        found[name] = int(number.replace(",", ""))
    dead = sum(number for name, number in found.items() if name.startswith("dead"))
    return {"received": found["measurements in"], "binned": found["binned"], "late": found["late"], "dead": dead}


def key_of(value: bytes) -> Key:
    """Return the id and revision in the message of an outage, or of an incident."""
    content = json.loads(value)
    return content["outage_id" if "outage_id" in content else "incident_id"], content["revision"]


def is_of_area(outage: bytes) -> bool:
    """Whether an outage message is of an area, summed over all partitions."""
    return not json.loads(outage)["entity"].startswith("asn/")


def whole_of(parts: Sequence[Undisturbed], merged: Undisturbed) -> dict[Key, bytes]:
    """Return what workers should send: of networks what each partition finds, of areas what all of them do."""
    networks = {key: value for part in parts for key, value in part.revisions.items() if not is_of_area(value)}
    return networks | {key: value for key, value in merged.revisions.items() if is_of_area(value)}


@dataclass
class Verdict:
    """The table of results, and what is wrong: nothing, if all is well.

    `sent`: messages by partition. `status`: what the workers said of each at the end. `codes`: with which they ended.
    """

    sent: Sequence[int]
    status: Mapping[int, Mapping[str, Any]]
    codes: Sequence[int]
    table: dict[str, int]
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._note("workers that did not end in order", [f"codes {self.codes}"] if any(self.codes) else [])

    def outages(self, sent: Sequence[bytes], whole: Mapping[Key, bytes]) -> None:
        """Compare all outages that were sent, in order, with what should have been."""
        self.table["revisions of outages of areas"] = sum(map(is_of_area, whole.values()))
        self._revisions("outage", sent, whole)

    def incidents(self, sent: Sequence[bytes], whole: Mapping[Key, bytes]) -> None:
        """Compare all incidents that were sent, in order, with what should have been."""
        self._revisions("incident", sent, whole)

    def _revisions(self, subject: str, sent: Sequence[bytes], whole: Mapping[Key, bytes]) -> None:
        found: dict[Key, set[bytes]] = {}
        newest: dict[str, bytes] = {}
        for value in sent:
            key = key_of(value)
            found.setdefault(key, set()).add(value)
            newest[key[0]] = value
        conflicts = [key for key, values in found.items() if len(values) > 1]
        last = {name: value for (name, _), value in sorted(whole.items())}
        differing = [name for name in sorted(last.keys() | newest.keys()) if last.get(name) != newest.get(name)]
        odd = sorted(key for key in found.keys() | whole.keys() if whole.get(key) not in found.get(key, ()))
        self.table[f"{subject}s compared"] = len(last)
        self.table[f"revisions of {subject}s compared"] = len(whole)
        self.table[f"{subject} messages sent"] = len(sent)
        self.table[f"{subject} messages sent again, same bytes"] = len(sent) - sum(
            len(values) for values in found.values()
        )
        self._note(
            f"{subject}s differing", [f"{name}: {newest.get(name)!r}, not {last.get(name)!r}" for name in differing]
        )
        self._note(
            f"revisions of {subject}s missing, not expected, or other",
            [f"{key}: {found.get(key)}, not {whole.get(key)!r}" for key in odd],
        )
        self._note(f"conflicting revisions of {subject}s", [f"{key}: {sorted(found[key])}" for key in conflicts])

    def found(self, struck: AbstractSet[str], whole: Mapping[Key, bytes]) -> None:
        """Of the ASNs that had an outage, nearly all were told of: else the drill compares too little."""
        entities = {json.loads(value)["entity"] for value in whole.values()}
        self.table["ASNs with an outage"], self.table["of them found"] = len(struck), len(struck & entities)
        few = len(struck & entities) < FOUND * len(struck)
        self._note("too few outages found", [f"{len(struck & entities)} of {len(struck)}"] if few else [])

    def counters(self, whole: Sequence[Undisturbed]) -> None:
        """The counts of each partition add up, and are those of an undisturbed run."""
        counts = {number: flat(partition) for number, partition in sorted(self.status.items())}
        for name in (*COUNTED, "skipped"):
            self.table[f"measurements {name}"] = sum(partition[name] for partition in counts.values())
        odd = [
            f"partition {n}: {partition} do not add up"
            for n, partition in counts.items()
            if partition["received"] != partition["binned"] + partition["late"] + partition["dead"]
        ]
        for number, expected in enumerate(whole):
            here = {name: counts.get(number, {}).get(name) for name in COUNTED}
            if here != expected.counts:
                odd.append(f"partition {number}: {here}, not {expected.counts}")
        self._note("counters that are off", odd)

    def dead(self, letters: Sequence[tuple[int, int]]) -> None:
        """Each dead letter is there, by the partition and offset of its message."""
        found, counted = len(set(letters)), self.table["measurements dead"]
        self.table["dead letters sent again"] = len(letters) - found
        self._note("dead letters missing or too many", [] if found == counted else [f"{found}, not {counted}"])

    def log(self, ends: Sequence[int]) -> None:
        """The topic holds what was sent, once: else nothing can be compared."""
        same = list(ends) == list(self.sent)
        self._note("partitions with another log than was sent", [] if same else [f"{ends}, not {self.sent}"])

    def _note(self, name: str, wrong: list[str]) -> None:
        self.table[name] = len(wrong)
        self.wrong += [f"{name}: {text}" for text in wrong[:SHOWN]]


def flat(status: Mapping[str, Any]) -> dict[str, int]:
    """Return a partition's counts, dead letters of all reasons as one."""
    return {name: int(status[name]) for name in ("received", "binned", "late", "skipped")} | {
        "dead": sum(status["dead"].values())
    }
