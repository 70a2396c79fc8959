"""Each type of source, by the name that the settings give it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from streams.config.akvorado_source import AkvoradoSource
from streams.config.network_sources import AtlasSource, IodaSource, OoniSource, PrometheusSource
from streams.config.ris_source import RisSource
from streams.config.route_sources import MrtSource
from streams.config.sources import FilesSource, Goflow2Source, KafkaSource, PmacctSource

AnySource: TypeAlias = (
    FilesSource
    | KafkaSource
    | Goflow2Source
    | PmacctSource
    | AkvoradoSource
    | AtlasSource
    | PrometheusSource
    | IodaSource
    | OoniSource
    | MrtSource
    | RisSource
)
SOURCE_TYPES: Final[dict[str, Any]] = {
    "files": FilesSource,
    "kafka": KafkaSource,
    "goflow2": Goflow2Source,
    "pmacct": PmacctSource,
    "akvorado": AkvoradoSource,
    "atlas": AtlasSource,
    "prometheus": PrometheusSource,
    "ioda": IodaSource,
    "ooni": OoniSource,
    "mrt": MrtSource,
    "ris": RisSource,
}
