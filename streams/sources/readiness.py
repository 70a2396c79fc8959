"""Whether all that a source needs beside its data can be read: files, secrets, plug-ins and schemas."""

from __future__ import annotations

from streams.config.akvorado_source import AkvoradoSource
from streams.config.errors import SettingsError
from streams.config.network_sources import NetworkSource
from streams.config.route_sources import MrtSource
from streams.config.settings import Settings
from streams.config.sources import FilesSource, KafkaSource
from streams.sources.akvorado import schema_of
from streams.sources.credentials import demand_credentials
from streams.sources.decoders import decoder_of
from streams.sources.enrichment import Enrichment, enrichment_of
from streams.sources.lines import file_input
from streams.sources.link import ConnectionLostError
from streams.sources.protobuf_decoder import MessageFormat, whole


def demand_readable(settings: Settings, name: str, wants_reach: bool) -> None:
    """Raise an EbbtideError for the first thing that is missing. `wants_reach`: ask for a served schema."""
    source, enrichment = settings.sources[name], enrichment_of(settings, name)
    if isinstance(source, FilesSource | MrtSource):
        file_input(source, name, enrichment=enrichment)
    elif isinstance(source, NetworkSource):
        demand_credentials(source, name)
    elif isinstance(source, AkvoradoSource):
        _demand_schema(source, name, enrichment, wants_reach)
    elif isinstance(source, KafkaSource):
        decoder_of(name, source, source.format, enrichment)


def _demand_schema(source: AkvoradoSource, name: str, enrichment: Enrichment, wants_reach: bool) -> None:
    if source.schema is not None and not wants_reach:
        return
    try:
        messages = MessageFormat(schema_of(source).message, whole)
    except ConnectionLostError as error:
        raise SettingsError(f"sources.{name}.schema: {error}") from None
    decoder_of(name, source, source.format, enrichment, messages)
