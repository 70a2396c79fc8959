"""Decoders by the name of their format: those of Ebbtide, and those of plug-ins (entry points `ebbtide.sources`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from streams.config.errors import SettingsError
from streams.config.sources import Goflow2Source, SourceSettings
from streams.sources.enrichment import Enrichment
from streams.sources.json_decoder import JsonDecoder
from streams.sources.protobuf_decoder import ProtobufDecoder
from streams.sources.records import Decoder
from streams.sources.route_bins import RouteDecoder

GROUP = "ebbtide.sources"
FORMATS = ("csv", "json")
ROUTES = "routes"  # values that a table of routes makes


def decoder_of(name: str, source: SourceSettings, form: str, enrichment: Enrichment | None = None) -> Decoder:
    """Return the decoder of a format. Raises SettingsError, which names the source, when there is none."""
    if form in FORMATS:
        return JsonDecoder(source, form == "csv", enrichment)
    if form == ROUTES:
        return RouteDecoder(JsonDecoder(source, enrichment=enrichment))
    if form == "protobuf":
        if not isinstance(source, Goflow2Source):
            raise SettingsError(f"sources.{name}.format: 'protobuf' is for goflow2 only")
        return ProtobufDecoder(JsonDecoder(source, enrichment=enrichment))
    plugins = {plugin.name: plugin for plugin in entry_points(group=GROUP)}
    if form not in plugins:
        there = ", ".join(sorted({*FORMATS, *plugins}))
        raise SettingsError(f"sources.{name}.format: {form!r} is none of {there}")
    return _loaded(name, source, plugins[form])


def _loaded(name: str, source: SourceSettings, plugin: EntryPoint) -> Decoder:
    try:
        make = cast("Callable[[SourceSettings], Decoder]", plugin.load())
    except Exception as error:  # noqa: BLE001 (whatever a plug-in raises)
        raise SettingsError(f"sources.{name}.format: plug-in {plugin.name}: cannot be loaded: {error}") from None
    return make(source)
