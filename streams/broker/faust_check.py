"""Checks at start that Faust, mode, aiokafka and kafka-python still have the internals that this package relies on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from aiohttp.web import AppRunner, RequestHandler
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer import fetcher
from aiokafka.consumer import subscription_state as aiokafka_state
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.group_coordinator import BaseCoordinator, GroupCoordinator
from faust import Schema
from faust.app import App
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as base
from faust.transport.drivers import aiokafka as driver
from faust.types import tuples
from faust.web.drivers.aiohttp import Web
from kafka.net import connection, manager
from kafka.record.default_records import DefaultRecordBatch
from mode.services import Service
from mode.worker import Worker

from streams.broker.clients import BOOTSTRAP_LOG
from streams.broker.codecs import CODECS, missing
from streams.config.errors import EbbtideError

# aiokafka's own class, also after `streams.broker.faust_fetching` has put another in its place.
PartitionRecords = next(kind for kind in fetcher.PartitionRecords.__mro__ if kind.__module__ == fetcher.__name__)

# Versions whose source was read for the files `faust_*.py`; they are those that pyproject.toml pins.
VERSIONS = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14."}

# Methods that are overridden or called, with the names of their parameters in order.
METHODS: Mapping[tuple[type, str], str] = {
    (driver.Consumer, "_to_message"): "self tp record",
    (driver.Consumer, "_getmany"): "self active_partitions timeout",
    (driver.Consumer, "_new_offset"): "self tp",
    (driver.Consumer, "_add_gap"): "self tp offset_from offset_to",
    (driver.Consumer, "getmany"): "self timeout",
    (driver.Consumer, "perform_seek"): "self",
    (driver.Consumer, "on_partitions_revoked"): "self revoked",
    (driver.Consumer, "on_buffer_full"): "self tp",
    (driver.Consumer, "on_buffer_drop"): "self tp",
    (driver.Consumer, "commit"): "self topics start_new_transaction",
    (driver.Consumer, "seek_wait"): "self partitions",
    (driver.Consumer, "wait_for_stopped_flow"): "self",
    (driver.Consumer, "assignment"): "self",
    (driver.Consumer, "_new_consumer_thread"): "self",
    (driver.AIOKafkaConsumerThread, "_ensure_consumer"): "self",
    (driver.AIOKafkaConsumerThread, "_stopped_set"): "self",
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer"): "self transport",
    (driver.AIOKafkaConsumerThread, "_fetch_records"): "self consumer active_partitions timeout max_records",
    (driver.AIOKafkaConsumerThread, "seek_to_beginning"): "self partitions",
    (tuples.ConsumerMessage, "__init__"): (
        "self topic partition offset timestamp timestamp_type headers key value checksum serialized_key_size "
        "serialized_value_size tp time_in time_out time_total generation_id"
    ),
    (tuples.ConsumerMessage, "ack"): "self consumer n",
    (TableManager, "_update_channels"): "self",
    (Recovery, "need_recovery"): "self",
    (PartitionAssignor, "assign"): "self cluster member_metadata",
    (driver.AIOKafkaConsumerThread, "topic_partitions"): "self topic",
    (PartitionAssignor, "on_assignment"): "self assignment",
    (PartitionAssignor, "_compress"): "raw",
    (PartitionAssignor, "_decompress"): "compressed",
    (GroupCoordinator, "_send_req"): "self request",
    (GroupCoordinator, "_on_join_complete"): "self generation member_id protocol member_assignment_bytes",
    (GroupCoordinator, "_coordination_routine"): "self",
    (GroupCoordinator, "ensure_active_group"): "self subscription prev_assignment",
    (AIOKafkaClient, "force_metadata_update"): "self",
    (ClusterMetadata, "partitions_for_topic"): "self topic",
    (GroupCoordinator, "request_rejoin"): "self",
    (Schema, "loads_key"): "self app message loads serializer",
    (Schema, "loads_value"): "self app message loads serializer",
    (aiokafka_state.Assignment, "state_value"): "self tp",
    (Fetcher, "_proc_fetch_request"): "self assignment node_id request",
    (AppRunner, "_make_server"): "self",
    (RequestHandler, "finish_response"): "self request resp start_time",
    (RequestHandler, "handle_error"): "self request status exc message",
    (FetchResult, "has_more"): "self",
    (PartitionRecords, "_consumer_record"): "self tp record",
    (PartitionRecords, "__init__"): (
        "self tp records aborted_transactions fetch_offset key_deserializer value_deserializer check_crcs "
        "isolation_level"
    ),
}

# Attributes that a class declares in its body, by annotation, by slot or by value.
DECLARED: Mapping[type, str] = {
    base.Consumer: "_acked _acked_index _committed_offset _read_offset flow_active not_waiting_next_records",
    base.ThreadDelegateConsumer: "_thread",
    tuples.Message: "acked tracked generation_id tp value",
    aiokafka_state.TopicPartitionState: "has_valid_position position awaiting_reset",
    TableManager: "_recovery",
    Worker: "_signal_stop_future",
    Service: "_stopped",
    PartitionAssignor: "_url external_topic_distribution",
    App: "rebalancing consumer_generation_id in_transaction topics",
}

# Attributes that a class sets in `__init__` only.
INITIALISED: Mapping[type, str] = {
    base.Consumer: "app in_transaction _acked _acked_index _committed_offset _read_offset",
    AIOKafkaConsumer: "_subscription _fetcher _fetch_max_wait_ms _isolation_level",
    Fetcher: "_records",
    GroupCoordinator: "_group_instance_id _session_timeout_ms _assignors",
    BaseCoordinator: "_client _cluster",
    FetchResult: "_partition_records",
    PartitionRecords: "_records next_fetch_offset",
    Recovery: "active_highwaters active_offsets",
    aiokafka_state.TopicPartitionState: "highwater lso timestamp",
    Web: "_runner",
}

# What a method takes from its module by these names, so that it can be replaced there.
GLOBALS: Mapping[tuple[type, str], str] = {
    (Fetcher, "_proc_fetch_request"): "MemoryRecords PartitionRecords",
    (DefaultRecordBatch, "_maybe_uncompress"): " ".join(f"{name}_decode" for name in CODECS),
}

# Loggers to which kafka-python writes why a bootstrap failed; `streams.broker.clients` listens to their parent.
LOGGERS = {connection.__name__: connection.log, manager.__name__: manager.log}

# Functions of a module.
FUNCTIONS: Mapping[Callable[..., Any], str] = {base.ensure_TP: "tp", driver.ensure_aiokafka_TP: "tp"}


class FaustChangedError(EbbtideError):
    """The installed Faust, mode, aiokafka or kafka-python is not the one that this package was written for."""


def parameters(function: Callable[..., Any] | None) -> str:
    """Return the names of a function's parameters in order, separated by blanks; `nothing` for None."""
    return "nothing" if function is None else " ".join(inspect.signature(function).parameters)


def installed_versions() -> str:
    """Return the names and versions of the packages that the transport depends on, on one line."""
    return ", ".join(f"{name} {version(name)}" for name in VERSIONS)


def _declares(owner: type, name: str) -> bool:
    return any(name in vars(base) or name in inspect.get_annotations(base) for base in owner.__mro__)


def _sets(owner: type, name: str) -> bool:
    return name in inspect.unwrap(vars(owner)["__init__"]).__code__.co_names


def _wrong_versions() -> Iterator[str]:
    for name, wanted in VERSIONS.items():
        if not version(name).startswith(wanted):
            yield f"{name} {version(name)} is installed, {wanted} is needed"


def _wrong_parameters() -> Iterator[str]:
    for (owner, name), wanted in METHODS.items():
        found = parameters(getattr(owner, name, None))
        if found != wanted:
            yield f"{owner.__module__}.{owner.__qualname__}.{name} takes {found}, not {wanted}"
    for function, wanted in FUNCTIONS.items():
        if (found := parameters(function)) != wanted:
            yield f"{function.__module__}.{function.__qualname__} takes {found}, not {wanted}"


def _missing_attributes() -> Iterator[str]:
    for present, names in ((_declares, DECLARED), (_sets, INITIALISED)):
        for owner, wanted in names.items():
            for name in wanted.split():
                if not present(owner, name):
                    yield f"{owner.__module__}.{owner.__qualname__}.{name} is gone"


def _missing_globals() -> Iterator[str]:
    for (owner, method), names in GLOBALS.items():
        function = getattr(owner, method, None)
        for name in names.split():
            if function is None or name not in function.__globals__ or name not in function.__code__.co_names:
                yield f"{owner.__module__}.{owner.__qualname__}.{method} does not use {name}"


def _moved_loggers() -> Iterator[str]:
    for module, logger in LOGGERS.items():
        if not logger.name.startswith(f"{BOOTSTRAP_LOG.name}."):
            yield f"{module} logs to {logger.name}, not below {BOOTSTRAP_LOG.name}"


def _missing_codecs() -> Iterator[str]:
    for name in missing():
        yield f"aiokafka cannot decode {name}, cramjam is missing"


def findings() -> Iterator[str]:
    """Yield one phrase for each internal that has changed."""
    yield from _wrong_versions()
    yield from _missing_codecs()
    yield from _wrong_parameters()
    yield from _missing_attributes()
    yield from _missing_globals()
    yield from _moved_loggers()


def check_faust() -> None:
    """Raise FaustChangedError, which names the first internal that has changed and the installed versions."""
    for finding in findings():
        raise FaustChangedError(f"the batch transport does not fit this Faust: {finding} ({installed_versions()})")
