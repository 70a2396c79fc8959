"""Decoders by the name of their format: those of Ebbtide, and those of plug-ins (entry points `ebbtide.sources`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from streams.config.errors import SettingsError
from streams.config.sources import Goflow2Source, SourceSettings
from streams.sources.enrichment import Enrichment
from streams.sources.json_decoder import JsonDecoder
from streams.sources.protobuf_decoder import GOFLOW2, MessageFormat, ProtobufDecoder, parts
from streams.sources.records import Decoder
from streams.sources.route_bins import RouteDecoder

GROUP = "ebbtide.sources"
FORMATS = ("csv", "json")
ROUTES = "routes"  # values that a table of routes makes


def decoder_of(
    name: str,
    source: SourceSettings,
    form: str,
    enrichment: Enrichment | None = None,
    messages: MessageFormat | None = None,
) -> Decoder:
    """Return the decoder of a format. Raises SettingsError, which names the source, when there is none.

    `messages`: of protobuf, by default those of goflow2.
    """
    if form in FORMATS:
        return JsonDecoder(source, form == "csv", enrichment)
    if form == ROUTES:
        return RouteDecoder(JsonDecoder(source, enrichment=enrichment))
    if form == "protobuf":
        return _protobuf(name, source, enrichment, messages)
    plugins = {plugin.name: plugin for plugin in entry_points(group=GROUP)}
    if form not in plugins:
        there = ", ".join(sorted({*FORMATS, *plugins}))
        raise SettingsError(f"sources.{name}.format: {form!r} is none of {there}")
    return _loaded(name, source, plugins[form])


def _protobuf(
    name: str, source: SourceSettings, enrichment: Enrichment | None, messages: MessageFormat | None
) -> Decoder:
    if messages is None:
        if not isinstance(source, Goflow2Source):
            raise SettingsError(f"sources.{name}.format: 'protobuf' is for goflow2 and akvorado only")
        messages = MessageFormat(GOFLOW2, parts)
    try:
        return ProtobufDecoder(source, messages, enrichment)
    except ValueError as error:
        raise SettingsError(f"sources.{name}.fields: {error}") from None


def _loaded(name: str, source: SourceSettings, plugin: EntryPoint) -> Decoder:
    try:
        make = cast("Callable[[SourceSettings], Decoder]", plugin.load())
    except Exception as error:  # noqa: BLE001 (whatever a plug-in raises)
        raise SettingsError(f"sources.{name}.format: plug-in {plugin.name}: cannot be loaded: {error}") from None
    return make(source)
