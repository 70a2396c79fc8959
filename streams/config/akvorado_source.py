"""The type of sources that read the flows of Akvorado."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.config.sources import Fields, FieldSource, KafkaSource
from streams.config.types import Duration, Name, WebAddress


class AkvoradoSource(KafkaSource, tag="akvorado", frozen=True, kw_only=True):
    """Flows of Akvorado's Kafka output (2026.8 and later) in protobuf; see sources/akvorado.md."""

    topic: Annotated[
        Name, Meta(description="`topic` of Akvorado's `kafka-output`: the name without the schema's hash")
    ] = "flows-enriched"
    format: Annotated[Literal["protobuf"], Meta(description="`protobuf`, the only one")] = "protobuf"
    schema: Annotated[
        WebAddress | None,
        Meta(description="address of the schema, such as `http://OUTLET:8080/api/v0/outlet/kafka-output/schema.proto`"),
    ] = None
    schema_file: Annotated[str | None, Meta(description="file with the schema, in place of its address")] = None
    timeout: Annotated[Duration, Meta(description="time in which the schema must be there")] = Duration(10)

    def __post_init__(self) -> None:
        if (self.schema is None) == (self.schema_file is None):
            raise ValueError("needs either `schema`, an address, or `schema_file`")

    @property
    def preset(self) -> Fields:
        """The time of receipt, both networks, bytes scaled by the sampling rate, and the exporter."""
        return Fields(
            ts="TimeReceived",
            asn=("SrcAS", "DstAS"),
            value=FieldSource(path="Bytes", times="SamplingRate", zero=1),
            exporter="ExporterAddress",
        )
