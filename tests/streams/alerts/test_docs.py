"""docs/alerts.md: its settings load, its example validates, its Python runs, its tables are complete."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from streams.alerts.delivery_types import Job, MessageItem
from streams.alerts.endpoint import load_endpoint
from streams.alerts.message import Context
from streams.alerts.sender import compose
from streams.cli.main import main
from streams.config.alerts import AlertsSettings, Route
from streams.config.loader import load
from streams.config.receivers import RECEIVER_TYPES, Alertmanager, PagerDuty, Slack, Webhook
from streams.config.secret import Secret
from streams.config.types import Section
from tests.streams.alerts.helpers import KEY, WEBHOOK, incident
from tests.streams.alerts.servers import Receiver
from tests.streams.alerts.test_payloads import schema

PAGE = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The blocks of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The settings of the page, their secrets in files that are there."""
    text = blocks("toml")[0]
    secrets = {"noc-keys": KEY, "slack-url": "https://hooks.slack.example/s3cr3t", "pagerduty": "r0ut1ng"}
    for name, secret in secrets.items():
        (tmp_path / name).write_text(secret + "\n")
    path = tmp_path / "ebbtide.toml"
    path.write_text(text.replace("/run/secrets", str(tmp_path)))
    return path


def test_the_settings_load_and_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`ebbtide alerts check` names each receiver, its kind and its host, and no secret."""
    assert [type(receiver) for receiver in load(file, {}).alerts.receivers.values()] == [
        Webhook,
        Slack,
        PagerDuty,
        Alertmanager,
    ]
    assert main(["alerts", "check", "--settings", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "noc: webhook at noc.example",
        "channel: slack at hooks.slack.example",
        "pager: pagerduty at events.pagerduty.com",
        "prometheus: alertmanager at alertmanager",
    ]


@pytest.mark.parametrize("block", blocks("toml")[1:])
def test_each_section_has_settings_that_load(block: str, tmp_path: Path) -> None:
    """Their secrets are files that any text may be in."""
    for number, name in enumerate(re.findall(r"/run/secrets/[a-z-]+", block)):
        (tmp_path / str(number)).write_text("https://x.example/hook" if name.endswith("url") else "s3cr3t\n")
        block = block.replace(name, str(tmp_path / str(number)))
    (tmp_path / "e.toml").write_text(block)
    for name, receiver in load(tmp_path / "e.toml", {}).alerts.receivers.items():
        assert load_endpoint(name, receiver).url.reveal()


def test_check_names_a_secret_that_is_missing_or_wrong(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is one line with the key, without the secret."""
    (file.parent / "noc-keys").write_text("not-a-key-s3cr3t\n")
    assert main(["alerts", "check", "--settings", str(file)]) == 2
    (file.parent / "noc-keys").unlink()
    assert main(["alerts", "check", "--settings", str(file)]) == 2
    wrong, missing = capsys.readouterr().err.splitlines()
    assert wrong == "ebbtide: alerts.receivers.noc.keys: key 1 is not whsec_ and 24 to 64 bytes in base64"
    assert missing.startswith(f"ebbtide: alerts.receivers.noc.keys_file {file.parent}/noc-keys: cannot be read")


def test_check_reaches_receivers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --reach: one that is there, and one that must not be gone to."""
    with Receiver() as server:
        text = "".join(
            f'[alerts.receivers.{name}]\ntype = "slack"\nurl = "{server.url}/s3cr3t"\nallow_private = {allow}\n'
            for name, allow in (("a", "true"), ("b", "false"))
        )
        (tmp_path / "e.toml").write_text(text + '[[alerts.routes]]\nreceivers = ["a"]\n')
        assert main(["alerts", "check", "--reach", "--settings", str(tmp_path / "e.toml")]) == 1
        assert server.got == []
    output = capsys.readouterr()
    assert output.out.startswith("a: slack at 127.0.0.1, reached\nb: slack at 127.0.0.1: leads to a private")
    assert output.err == "ebbtide: cannot be reached: b\n"
    assert "s3cr3t" not in output.out


@pytest.mark.parametrize("arguments", [["--reach"], ["check", "--dry-run"], ["check", "--once"]])
def test_arguments_that_do_not_go_together(arguments: list[str]) -> None:
    """Such arguments are an error before any file is read."""
    assert main(["alerts", *arguments]) == 2


def test_nobody_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings without receivers are an error in one line."""
    (tmp_path / "e.toml").write_text("")
    assert main(["alerts", "--settings", str(tmp_path / "e.toml")]) == 2
    assert "no receivers or no routes" in capsys.readouterr().err


def test_the_example_validates() -> None:
    """What the page shows is what the schema says."""
    (text,) = blocks("json")
    assert list(schema().iter_errors(json.loads(text))) == []


def test_the_python_of_the_page_takes_what_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """One notification, and a digest of two."""
    (source,) = blocks("python")
    names: dict[str, object] = {}
    exec(source, names)
    received = names["received"]
    assert callable(received)
    item = MessageItem("msg_" + "0" * 32, incident(), "opened", "confirmed", None)
    for items in ([item], [item, item]):
        made = compose(load_endpoint("noc", WEBHOOK), Job(items, [], []), Context("noc", None, time.time()))
        received(made.body.reveal(), {name: value.reveal() for name, value in made.headers.items()})
    assert capsys.readouterr().out.splitlines() == [f"incident.opened {incident().headline}"] * 3


def test_the_tables_name_every_key() -> None:
    """Of `[alerts]`, of each kind of receiver and of routes; and no other."""
    kinds: tuple[type[Section], ...] = (AlertsSettings, *RECEIVER_TYPES, Route)
    keys = {key for kind in kinds for key in kind.__struct_encode_fields__} - {"routes"} | {"type"}
    tables = PAGE[PAGE.index("| key of `[alerts]`") : PAGE.index("Each key of a receiver")]
    cells = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == keys


def test_secrets_from_files_lose_their_line_end(file: Path) -> None:
    """And an address from a file is checked as one from the settings is."""
    channel = load(file, {}).alerts.receivers["channel"]
    assert load_endpoint("channel", channel).url.reveal() == "https://hooks.slack.example/s3cr3t"
    assert load_endpoint("x", Slack(url=Secret("https://a.example/"))).secrets() == ["https://a.example/"]
