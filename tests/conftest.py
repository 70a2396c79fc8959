"""Fixtures that all rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.kafka import ApacheKafka, KafkaUnavailableError, install

NO_JAVA = "no Java: the Apache Kafka tests were skipped"


def do_without_kafka(missing: KafkaUnavailableError) -> NoReturn:
    """Skip the test, or fail it where Apache Kafka is required."""
    if os.environ.get("EBBTIDE_REQUIRE_KAFKA") == "1":
        pytest.fail(f"EBBTIDE_REQUIRE_KAFKA=1, but Apache Kafka cannot be run: {missing}")
    pytest.skip(NO_JAVA)


@pytest.fixture(scope="session")
def kafka() -> Iterator[ApacheKafka]:
    """One Apache Kafka for the session; without Java or jars its tests skip, or fail if EBBTIDE_REQUIRE_KAFKA=1."""
    try:
        install()
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)
    with ApacheKafka() as running:
        yield running
