"""The check that says when Faust or aiokafka has moved what the transport relies on."""

from __future__ import annotations

import ast
import logging
import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from aiokafka import codec
from aiokafka.consumer.fetcher import Fetcher
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

from streams.broker import faust_check, faust_fetching, faust_group, faust_patches, faust_tables
from streams.broker.faust_check import FaustChangedError, check_faust, findings

FILES = (faust_patches.__file__, faust_fetching.__file__, faust_tables.__file__, faust_group.__file__)
SOURCE = ast.parse("".join(Path(file).read_text(encoding="utf-8") for file in FILES))


def test_installed_faust_fits() -> None:
    """Nothing has moved in the installed versions; this fails first when a new version is tried."""
    assert list(findings()) == []
    check_faust()


def test_checked_versions_are_the_pinned_ones() -> None:
    """The versions that the check wants are those that the distribution asks for."""
    pinned = dict(
        requirement.split("==")
        for requirement in requires("ebbtide") or []
        if "==" in requirement and ";" not in requirement
    )
    assert {name: wanted.rstrip("*") for name, wanted in pinned.items()} == dict(faust_check.VERSIONS)


def test_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that was not read is an error with both versions."""
    monkeypatch.setitem(faust_check.VERSIONS, "aiokafka", "0.99.")
    with pytest.raises(FaustChangedError, match=r"aiokafka 0\.14\.\S+ is installed, 0\.99\. is needed"):
        check_faust()


def test_missing_method_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that is gone is named, with the installed versions."""
    monkeypatch.delattr(Consumer, "_new_offset")
    with pytest.raises(FaustChangedError, match=r"Consumer\._new_offset takes nothing.*faust-streaming 0\.15\.3"):
        check_faust()


def test_other_parameters_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that takes something else is named with both lists of parameters."""
    monkeypatch.setattr(driver.Consumer, "_to_message", lambda self, tp, record, extra: None)
    with pytest.raises(FaustChangedError, match=r"_to_message takes self tp record extra, not self tp record"):
        check_faust()


def test_missing_attribute_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that is no longer set is named."""
    monkeypatch.setattr(Consumer, "__init__", lambda self: None)
    with pytest.raises(FaustChangedError, match=r"Consumer\.\w+ is gone"):
        check_faust()


def test_a_name_that_is_not_looked_up_any_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced in a module of aiokafka must still be taken from there."""
    monkeypatch.setitem(faust_check.GLOBALS, (Fetcher, "_proc_fetch_request"), "OtherRecords")
    with pytest.raises(FaustChangedError, match=r"Fetcher\._proc_fetch_request does not use OtherRecords"):
        check_faust()


def test_a_missing_codec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cramjam the first batch of zstd would end the worker; the start says it."""
    monkeypatch.setattr(codec, "cramjam", None)
    with pytest.raises(FaustChangedError, match="aiokafka cannot decode snappy, cramjam is missing"):
        check_faust()


def test_a_logger_that_moved_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it an error would no longer say why no broker answers."""
    monkeypatch.setitem(faust_check.LOGGERS, "kafka.net.manager", logging.getLogger("kafka.manager"))
    with pytest.raises(FaustChangedError, match=r"kafka\.net\.manager logs to kafka\.manager, not below kafka\.net"):
        check_faust()


def _own_names() -> set[str]:
    functions = {node.name for node in ast.walk(SOURCE) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return functions | {
        "_in_flight",
        "_position",
        "_epoch",
        "_sought_epoch",
        "_stable",
        "_watched",
        "_alive_at",
        "_named",
        "_fetched",
    }


def test_every_private_name_in_use_is_checked() -> None:
    """Each name with an underscore that is read or called in faust_private is listed in the check, or is its own."""
    used = {node.attr for node in ast.walk(SOURCE) if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr)}
    listed = {name for _, name in faust_check.METHODS}
    for names in (*faust_check.DECLARED.values(), *faust_check.INITIALISED.values()):
        listed.update(names.split())
    assert used - listed - _own_names() == set()


def test_every_overridden_method_is_checked() -> None:
    """Each method of our consumer that exists in Faust's is listed, with its parameters."""
    own = {name for name, value in vars(faust_patches.Consumer).items() if callable(value) and name != "__init__"}
    overridden = {name for name in own if hasattr(driver.Consumer, name)}
    assert overridden <= {name for owner, name in faust_check.METHODS if owner is driver.Consumer}
    assert "_getmany" in overridden
