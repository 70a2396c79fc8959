"""The mapping of a source, compiled: records to rows, whatever form their objects have; and records of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import compress, repeat
from typing import Any, NamedTuple, TypeAlias

import msgspec

from schemas.decode import decode
from schemas.measurement import Measurement, is_name
from schemas.rejections import one_line
from streams.config.sources import SourceSettings
from streams.sources import field_readers as readers
from streams.sources.enrichment import Enrichment
from streams.sources.field_readers import Column, Errors, WrongFieldError
from streams.sources.items import ItemForm, Items, json_form, keeper
from streams.sources.networks import is_public
from streams.sources.records import NOBODY, DecodedRecords, RawRecord, RejectedRecord, Row

FACETS = ("country", "region", "access", "direction", "service")
Place: TypeAlias = tuple[str | None, ...]
NOWHERE: Place = (None,) * len(FACETS)
_ENCODER = msgspec.json.Encoder()


class _Columns(NamedTuple):
    """The functions that read the fields; None for a field without an origin."""

    ts: Column
    networks: list[Column]
    facets: tuple[Column | None, ...]
    value: Column | None
    of: Column | None
    member: Column | None
    up: Column | None
    exporter: Column | None


class RecordDecoder:
    """Decodes as the settings of a source say; its records have a form.

    `enrichment`: what to look up in tables, by default the tables that the settings name, without metadata.
    """

    def __init__(self, source: SourceSettings, form: ItemForm, enrichment: Enrichment | None = None) -> None:
        found = enrichment or Enrichment(source)
        self._columns = _compiled(source, form, found)
        self._country_of = found.country_of if found.metadata else None
        self._decode = form.decode
        self._keep = keeper(source.kept, form.getters)

    def decode(self, records: Sequence[RawRecord]) -> DecodedRecords:
        """Return the rows of records, in order. Never raises for what is in a record."""
        items = self._decode(records)
        kept = self._keep(items) if self._keep else items
        errors: Errors = {}
        rows, bad, without = self._rows(kept, errors)
        rejected = [*items.rejected, *(_rejected(kept.at[at], error) for at, error in errors.items())]
        return DecodedRecords(
            rows=rows,
            rejected=sorted(rejected, key=lambda record: record.at),
            objects=len(items.objects) + len(items.rejected),
            left_out=len(items.objects) - len(kept.objects),
            bad_networks=bad,
            without_network=without,
        )

    def _rows(self, items: Items, errors: Errors) -> tuple[list[Row], int, int]:
        """Return the rows, the number of networks that are none, and of objects that have no other."""
        compiled, args, size = self._columns, (items.objects, items.records, errors), len(items.objects)
        value, of = (column(*args) if column else [1] * size for column in (compiled.value, compiled.of))
        others = (compiled.member, compiled.up, compiled.exporter)
        member, up, exporter = (column(*args) if column else [None] * size for column in others)
        if compiled.of:
            _check_each(_check_trials, zip(value, of, strict=True), errors)
        if compiled.member:
            _check_each(_check_member, zip(member), errors)
        networks = [column(*args) for column in compiled.networks]
        columns: list[Any] = [items.at, compiled.ts(*args), self._places(args), value, of, member, up, exporter]
        if errors:
            flags = [at not in errors for at in range(size)]
            columns, networks = ([list(compress(column, flags)) for column in found] for found in (columns, networks))
        if not networks:
            return _of_places(*columns), 0, 0
        rows = _of_networks(columns, networks, compiled.exporter is not None)
        if self._country_of:
            _set_countries(rows[0], self._country_of)
        return rows

    def _places(self, args: tuple[Sequence[Any], Sequence[RawRecord], Errors]) -> list[Place]:
        """Return country, region and facets of each object."""
        columns = self._columns.facets
        if not any(columns):
            return [NOWHERE] * len(args[0])
        has_network = bool(self._columns.networks)
        places = list(zip(*(column(*args) if column else repeat(None) for column in columns), strict=False))
        read = {place: _canonical(place, has_network) for place in set(places)}
        faults = {place: found for place, found in read.items() if isinstance(found, str)}
        for at, place in enumerate(places) if faults else ():
            if place in faults:
                args[2].setdefault(at, WrongFieldError("out-of-range", "fields", faults[place]))
        return [NOWHERE if place in faults else read[place] for place in places]  # type: ignore[misc]


class JsonDecoder(RecordDecoder):
    """Decodes JSON. `is_flat`: names with dots are columns of a table."""

    def __init__(self, source: SourceSettings, is_flat: bool = False, enrichment: Enrichment | None = None) -> None:
        super().__init__(source, json_form(paths_of(source), is_flat), enrichment)


def _of_places(index: Any, ts: Any, places: Any, *others: Any) -> list[Row]:  # noqa: ANN401
    series = [(None, *place) for place in places]
    return list(map(Row, index, ts, series, *others))


def _set_countries(rows: list[Row], country_of: Callable[[int], str | None]) -> None:
    for row in rows:
        asn, _, *place = row.series
        if asn is not None:
            row.series = (asn, country_of(asn), *place)  # type: ignore[assignment]


def _of_networks(
    columns: Sequence[list[Any]], networks: Sequence[list[int]], has_exporter: bool
) -> tuple[list[Row], int, int]:
    """Return a row for each network of each object, each network of an object once.

    `has_exporter`: an object without a network is a row of nobody, since its exporter is at work.
    """
    wrong = {asn for column in networks for asn in set(column) if not is_public(asn)}
    rows: list[Row] = []
    bad = without = 0
    for at, ts, place, number, trials, name, came, by, asns in zip(*columns, zip(*networks, strict=True), strict=True):
        found = [asn for asn in asns if asn not in wrong]
        bad += len(asns) - len(found)
        without += not found
        for asn in found if len(found) < 2 else dict.fromkeys(found):
            rows.append(Row(at, ts, (asn, *place), number, trials, name, came, by))  # noqa: PERF401
        if has_exporter and not found:
            rows.append(Row(at, ts, NOBODY, 0, exporter=by))
    return rows, bad, without


def _rejected(at: int, error: WrongFieldError) -> RejectedRecord:
    return RejectedRecord(at, error.reason, one_line(str(error)))


def _check_each(check: Callable[..., None], rows: Iterable[tuple[Any, ...]], errors: Errors) -> None:
    for at, row in enumerate(rows):
        if at not in errors:
            try:
                check(*row)
            except WrongFieldError as error:
                errors[at] = error


def _check_trials(value: float, of: float) -> None:
    if of < value:
        raise WrongFieldError("out-of-range", "of", f"{of} is less than the value {value}")


def _check_member(name: str | None) -> None:
    if name is None:
        raise WrongFieldError("missing-field", "member", "is not there")
    if len(name) > 128 or not is_name(name):
        raise WrongFieldError("out-of-range", "member", f"no line of at most 128 visible characters: {name!r:.80}")


def paths_of(source: SourceSettings) -> list[str]:
    """Return the names in a record that the settings of a source read."""
    fields = source.mapping.given().values()
    paths = [path for field in fields for path in (*field.paths, *([field.times] if field.times else []))]
    return list(dict.fromkeys([*paths, *source.kept]))


def _compiled(source: SourceSettings, form: ItemForm, enrichment: Enrichment) -> _Columns:
    given, get = source.mapping.given(), form.getters
    numbers = {name: readers.number_column(name, given[name], get) for name in ("value", "of") if name in given}
    texts = {
        name: readers.text_column(name, given[name], get) for name in (*FACETS, "member", "exporter") if name in given
    }
    return _Columns(
        ts=readers.time_column(given["ts"], get),
        networks=readers.network_columns(given["asn"], get, enrichment.prefixes) if "asn" in given else [],
        facets=tuple(map(texts.get, FACETS)),
        value=numbers.get("value"),
        of=numbers.get("of"),
        member=texts.get("member"),
        up=readers.state_column(given["up"], get) if "up" in given else None,
        exporter=texts.get("exporter"),
    )


@lru_cache(maxsize=65_536)
def _canonical(place: Place, has_network: bool) -> Place | str:
    """Return country, region and facets as a worker reads them, such as `IR` for `ir`; else what it says is wrong."""
    country, region, access, direction, service = place
    probe = Measurement("x", 0, 1 if has_network else None, country, region, access, direction, service)  # type: ignore[arg-type]
    decoded = decode([_ENCODER.encode(probe)])
    if decoded.dead:
        return decoded.dead[0].detail
    (found,) = decoded.measurements
    return found.country, found.region, found.access, found.direction, found.service
