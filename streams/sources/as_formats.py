"""The formats in which tables about networks are published, and the rows of metadata in them.

Formats: CAIDA's AS organizations (text and JSON lines), APNIC's estimate of users (JSON and CSV), PeeringDB (`api/net`
and the whole dump).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO

import msgspec

from streams.config.metadata import MetadataRow
from streams.sources.networks import is_public

NO_COUNTRY = ("", "ZZ", "EU", "AP", "XX")  # none, or blocks that were given to a continent
Read = Callable[[], MetadataRow]
Number = int | float | str | None


class UnusableError(Exception):
    """An entry is left out; the text is the reason."""


class CaidaOrganization(msgspec.Struct, tag_field="type", tag="Organization", rename="camel", gc=False):
    """A line of `as-org2info.jsonl` about an organization."""

    organization_id: str
    name: str | None = None
    country: str | None = None


class CaidaNetwork(msgspec.Struct, tag_field="type", tag="ASN", rename="camel", gc=False):
    """A line of `as-org2info.jsonl` about a network."""

    asn: int | str
    organization_id: str = ""
    name: str | None = None


class ApnicEstimate(
    msgspec.Struct, gc=False, rename={"asn": "AS", "country": "CC", "users": "Users", "name": "Description"}
):
    """The users of a network in a country."""

    asn: int | str
    country: str | None
    users: Number
    name: str | None = None


class ApnicTable(msgspec.Struct, rename={"rows": "Data"}):
    """The answer of `aspop?f=j`."""

    rows: list[ApnicEstimate]


class PeeringdbOrganization(msgspec.Struct, gc=False):
    """Who runs networks."""

    id: int
    name: str | None = None
    country: str | None = None


class PeeringdbNetwork(msgspec.Struct, gc=False):
    """A network."""

    asn: int
    name: str | None = None
    org_id: int | None = None


class PeeringdbNetworks(msgspec.Struct):
    """The answer of `api/net`."""

    data: list[PeeringdbNetwork]


class PeeringdbOrganizations(msgspec.Struct):
    """The organizations of a dump."""

    data: list[PeeringdbOrganization]


class PeeringdbDump(msgspec.Struct):
    """A whole dump."""

    net: PeeringdbNetworks
    org: PeeringdbOrganizations


def caida_lines(text: str) -> list[Read]:
    """Return the rows of JSON lines. Raises msgspec's DecodeError."""
    decode = msgspec.json.Decoder(CaidaOrganization | CaidaNetwork).decode
    return _caida(decode(line) for line in text.splitlines() if line.strip())


def caida_text(text: str) -> list[Read]:
    """Return the rows of the text, whose comments `# format:` name the columns of the lines below them."""
    return _caida(_caida_entries(text))


def _caida_entries(text: str) -> Iterator[CaidaOrganization | CaidaNetwork]:
    columns: list[str] = []
    for line in text.splitlines():
        if line.startswith("# format:"):
            columns = line.removeprefix("# format:").strip().split("|")
        elif line and not line.startswith("#"):
            cells = dict(zip(columns, line.split("|"), strict=False))
            organization = cells.get("org_id", "")
            if "aut" in cells:
                yield CaidaNetwork(cells["aut"], organization, cells.get("aut_name"))
            else:
                yield CaidaOrganization(organization, cells.get("org_name"), cells.get("country"))


def _caida(entries: Iterable[CaidaOrganization | CaidaNetwork]) -> list[Read]:
    organizations, networks = {}, []
    for entry in entries:
        if isinstance(entry, CaidaOrganization):
            organizations[entry.organization_id] = entry
        else:
            networks.append(entry)
    return [_owned(network, organizations.get(network.organization_id)) for network in networks]


def apnic_json(text: str) -> list[Read]:
    """Return the rows of the answer in JSON. Raises msgspec's DecodeError."""
    return _apnic(msgspec.json.decode(text, type=ApnicTable).rows)


def apnic_csv(text: str) -> list[Read]:
    """Return the rows of the table with the columns `AS`, `AS Name`, `CC` and `Users (est.)`. Raises csv's Error."""
    rows = csv.DictReader(StringIO(text, newline=""))
    return _apnic(ApnicEstimate(row["AS"] or "", row["CC"], row["Users (est.)"], row.get("AS Name")) for row in rows)


def _apnic(rows: Iterable[ApnicEstimate]) -> list[Read]:
    return [_later(row.asn, row.name, row.country, None, "" if row.users is None else row.users) for row in rows]


def peeringdb_api(text: str) -> list[Read]:
    """Return the rows of `api/net`. Raises msgspec's DecodeError."""
    return _peeringdb(msgspec.json.decode(text, type=PeeringdbNetworks).data, {})


def peeringdb_dump(text: str) -> list[Read]:
    """Return the rows of a whole dump. Raises msgspec's DecodeError."""
    dump = msgspec.json.decode(text, type=PeeringdbDump)
    return _peeringdb(dump.net.data, {organization.id: organization for organization in dump.org.data})


def _peeringdb(networks: Iterable[PeeringdbNetwork], owners: Mapping[int, PeeringdbOrganization]) -> list[Read]:
    return [_owned(network, owners.get(network.org_id or 0)) for network in networks]


def _owned(network: CaidaNetwork | PeeringdbNetwork, owner: CaidaOrganization | PeeringdbOrganization | None) -> Read:
    """Return the row of a network with the country and the name of its owner, if that is known."""
    country, operator = (owner.country, owner.name) if owner else (None, None)
    return _later(network.asn, network.name, country, operator, None)


def _later(asn: int | str, name: str | None, country: str | None, operator: str | None, users: Number) -> Read:
    return lambda: _row(asn, name, country, operator, users)


def _row(asn: int | str, name: str | None, country: str | None, operator: str | None, users: Number) -> MetadataRow:
    """Return a row; `users` of None are of a table without users. Raises UnusableError."""
    digits = str(asn).strip().upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise UnusableError("no number of a network")
    if not is_public(int(digits)):
        raise UnusableError("a number that no network has")
    weight = None if users is None else _users(users)
    return MetadataRow(f"asn/{int(digits)}", _line(name), _country(country), _line(operator), weight)


def _users(users: int | float | str) -> float:
    try:
        number = float(str(users).replace(",", ""))
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UnusableError("no number of users")
    return number


def _country(code: str | None) -> str:
    found = (code or "").strip().upper()
    is_country = len(found) == 2 and found.isascii() and found.isalpha() and found not in NO_COUNTRY
    return found if is_country else ""


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
