"""Settings that name entities, in the form that the types check: `AS64515` and `ir` as `asn/64515` and `IR`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.entities import country_code, entity_named, network_number, region_name

Reader = Callable[[str], object]
#: The lists that name entities, by the path of the table that has them; a table may be an array of tables.
_LISTS: Mapping[str, Mapping[str, Reader]] = {
    "metrics": {"watch": entity_named},
    "calendar": {"entities": entity_named},
    "alerts.routes": {"countries": country_code, "regions": region_name, "asns": network_number},
}


def canonical(values: object) -> object:
    """Return plain values of settings with entities in one form; what is none stays, for the check of the types."""
    for path, readers in _LISTS.items():
        values = _changed(values, path.split("."), readers)
    return values


def _changed(values: object, path: list[str], readers: Mapping[str, Reader]) -> object:
    if isinstance(values, list):
        return [_changed(table, path, readers) for table in values]
    if not isinstance(values, dict):
        return values
    if path:
        return {**values, path[0]: _changed(values[path[0]], path[1:], readers)} if path[0] in values else values
    return {name: _read(value, readers[name]) if name in readers else value for name, value in values.items()}


def _read(items: object, read: Reader) -> object:
    return [_item(item, read) for item in items] if isinstance(items, list | tuple) else items


def _item(item: object, read: Reader) -> object:
    try:
        return read(item) if isinstance(item, str) else item
    except ValueError:
        return item
