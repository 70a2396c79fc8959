"""The section `[alerts]`: receivers, routes, and secrets, which only the program that sends demands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.alerts.run import load_endpoints
from streams.config.errors import SettingsError
from streams.config.loader import load
from streams.config.receivers import PagerDuty, Webhook
from tests.streams.config.examples import ALERTS as GOOD


def test_good_settings(tmp_path: Path) -> None:
    """Kinds of receivers by their type; the order of routes; nothing of a secret in what is shown."""
    (tmp_path / "e.toml").write_text(GOOD)
    alerts = load(tmp_path / "e.toml", {}).alerts
    assert isinstance(alerts.receivers["noc"], Webhook)
    assert isinstance(alerts.receivers["pager-1"], PagerDuty)
    assert [route.goes_on for route in alerts.routes] == [True, False]
    for secret in ("MfKQ9r8", "0123456789abcdef", "noc.example"):
        assert secret not in repr(alerts)


def test_secrets_from_the_environment(tmp_path: Path) -> None:
    """Texts as they are, keys with commas between them."""
    (tmp_path / "e.toml").write_text(GOOD)
    alerts = load(
        tmp_path / "e.toml",
        {
            "EBBTIDE_ALERTS_RECEIVERS_NOC_KEYS": "whsec_YQ==, whsec_Yg==",
            "EBBTIDE_ALERTS_RECEIVERS_PAGER_1_ROUTING_KEY": "1234",
            "EBBTIDE_ALERTS_PORT": "7000",
        },
    ).alerts
    noc, pager = alerts.receivers["noc"], alerts.receivers["pager-1"]
    assert isinstance(noc, Webhook)
    assert isinstance(pager, PagerDuty)
    assert [key.reveal() for key in noc.keys] == ["whsec_YQ==", "whsec_Yg=="]
    assert pager.routing_key is not None
    assert pager.routing_key.reveal() == "1234"
    assert alerts.port == 7000


@pytest.mark.parametrize(
    ("receiver", "line"),
    [
        ('type = "slack"', "url: is missing: give `url` or `url_file`"),
        ('type = "slack"\nurl_file = "/none"', "url_file /none: cannot be read: No such file or directory"),
        ('type = "pagerduty"', "routing_key: is missing: give `routing_key` or `routing_key_file`"),
        ('type = "ntfy"', "topic: is missing: give `topic` or `topic_file`"),
        ('type = "ntfy"\ntopic = "a/b"', "topic: is not 1 to 64 letters, digits, `_` or `-`"),
        ('type = "telegram"\nchat = "-1"', "token: is missing: give `token` or `token_file`"),
        ('type = "opsgenie"', "token: is missing: give `token` or `token_file`"),
        ('type = "matrix"\nroom = "!a:b"\ntoken = "x"', "url: is missing: give `url` or `url_file`"),
        ('type = "webhook"\nurl = "http://noc.example"\nkeys_file = "e.txt"', "keys_file e.txt: holds no key"),
        ('type = "alertmanager"', "url: is missing: give `url` or `url_file`"),
    ],
)
def test_only_who_sends_demands_secrets(
    tmp_path: Path, receiver: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker has the same file and no secrets: it reads the settings, `ebbtide alerts` and its check do not start."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.txt").write_text("\n \n")
    (tmp_path / "e.toml").write_text(f'[alerts.receivers.one]\n{receiver}\n[[alerts.routes]]\nreceivers = ["one"]\n')
    alerts = load(tmp_path / "e.toml", {}).alerts
    with pytest.raises(SettingsError) as caught:
        load_endpoints(alerts)
    assert str(caught.value) == f"alerts.receivers.one.{line}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("receiver", "fault"),
    [
        ('host = "m"\nfrom = "a@b"\nto = ["c@d"]\nusername = "u"', "`username` and `password`: give both or none"),
        (
            'host = "m"\nfrom = "a@b"\nto = ["c@d"]\nusername = "u"\npassword = "p"\ntls = "none"',
            "`password` is sent over TLS only: `tls` is `starttls` or `implicit`",
        ),
        ('host = "m"\nfrom = "a@b"', "Object missing required field `to`"),
        ('host = "m"\nfrom = "a@b"\nto = ["c@d\\nBcc: x@y"]', "Expected `str` matching regex"),
    ],
)
def test_mail_that_cannot_be_sent_is_an_error_of_the_settings(tmp_path: Path, receiver: str, fault: str) -> None:
    """A password never goes over a connection that others can read, and an address is one line."""
    (tmp_path / "e.toml").write_text(f'[alerts.receivers.one]\ntype = "email"\n{receiver}\n')
    with pytest.raises(SettingsError, match=re.escape(fault)):
        load(tmp_path / "e.toml", {})
