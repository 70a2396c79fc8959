"""Fixtures that all rooms share, and how tests are divided among processes."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from tests.docs.blocks import ROOT
from tests.docs.promises import KEEPER, is_left_out, judge, names
from tests.kafka import SHORT_LIVED, ApacheKafka, KafkaUnavailableError, install
from tests.shared_kafka import shared_kafka

NO_JAVA = "no Java: the Apache Kafka tests were skipped"
# No test measures time. CI tries the same examples each time, so that a commit is judged by what it changes.
hypothesis.settings.register_profile(
    "ebbtide",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=os.environ.get("EBBTIDE_REQUIRE_KAFKA") == "1",
)
hypothesis.settings.load_profile("ebbtide")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # in a job in the background, and its children could not be ended
    signal.signal(signal.SIGINT, signal.default_int_handler)
STARTING = ("kafka", "embedded")  # markers of tests that start processes
LONGEST = ("tests/scenarios/test_incidents.py", "tests/drill/test_drill.py")  # files that take minutes in one process


def do_without_kafka(missing: KafkaUnavailableError) -> NoReturn:
    """Skip the test, or fail it where Apache Kafka is required."""
    if os.environ.get("EBBTIDE_REQUIRE_KAFKA") == "1":
        pytest.fail(f"EBBTIDE_REQUIRE_KAFKA=1, but Apache Kafka cannot be run: {missing}")
    pytest.skip(NO_JAVA)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One Apache Kafka for all processes; without Java or jars its tests skip, or fail if EBBTIDE_REQUIRE_KAFKA=1.

    Other tests use it at the same time: name topics after the test, and neither restart nor freeze it.
    """
    folder = tmp_path_factory.getbasetemp()
    try:
        with shared_kafka(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) as running:
            yield running
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)


def new_kafka() -> ApacheKafka:
    """Return a new Apache Kafka, which starts in a `with`; without Java or jars as `do_without_kafka` says."""
    try:
        install()
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)
    return ApacheKafka(environment=SHORT_LIVED)


@pytest.fixture(scope="session")
def own_kafka() -> Iterator[ApacheKafka]:
    """One Apache Kafka that no other test uses at the same time, to restart, to freeze, or for topics of any name."""
    with new_kafka() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, then with files that start processes: no process works alone at the end.

    All tests of a file run in one process.
    """
    long, starting = (_marked(items, names) for names in (("long",), STARTING))
    longest = {item.path for item in items if item.path.relative_to(ROOT).as_posix() in LONGEST}
    items.sort(key=lambda item: (item.path not in longest, item.path not in long, item.path not in starting))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect garbage seldom, as a worker does: to look through all tests and modules again and again takes time."""
    gc.disable()
    result = yield
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()
    return result


def _marked(items: list[pytest.Item], names: Collection[str]) -> set[Path]:
    """Return the files with a test that has one of these markers."""
    return {item.path for item in items if any(item.get_closest_marker(name) for name in names)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a check of a promise that is left out, in a run that is to show that all promises are kept."""
    report = yield
    if is_left_out(report) and KEEPER in names(item.session):
        judge(report)
    return report
