"""Bodies and headers of the operator's own: what they may use, what is refused before an incident, and bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.delivery_types import Job
from streams.alerts.endpoint import key_bytes, load_endpoint
from streams.alerts.sender import MessageSender
from streams.cli.main import main
from streams.config.errors import SettingsError
from streams.config.receivers import Webhook
from streams.config.secret import Secret
from tests.streams.alerts.helpers import KEY, QueueDriver, incident, outage
from tests.streams.alerts.servers import Got, Receiver
from tests.streams.alerts.test_payloads import item

HOSTILE = '", "admin": true, "x": "\r\nX-Evil: 1'


def webhook(**fields: Any) -> Webhook:  # noqa: ANN401
    """Return a webhook with templates."""
    return Webhook(**({"url": Secret("https://noc.example/hook")} | fields))


def sent(notice: Any, **fields: Any) -> Got:  # noqa: ANN401
    """Send a notice to a local server and return the request."""
    with Receiver() as server:
        receiver = webhook(url=Secret(server.url), allow_private=True, **fields)
        outcome = MessageSender(load_endpoint("noc", receiver), "https://x.example/{id}")(Job([item(notice)], [], []))
    assert outcome.result == "delivered", outcome
    return server.got[0]


def test_a_webhook_without_keys_is_not_signed() -> None:
    """The body and the id are the same, the signature is not there."""
    unsigned, signed = sent(incident()), sent(incident(), keys=(Secret(KEY),))
    assert "webhook-signature" not in unsigned.headers
    assert "webhook-signature" in signed.headers
    assert (unsigned.body, unsigned.headers["webhook-id"]) == (signed.body, signed.headers["webhook-id"])


def test_a_body_and_headers_of_the_operators_own() -> None:
    """Fields of the notification and of the incident, with the filters of Jinja2; a token goes into a header."""
    body = '{"text": {{ headline | tojson }}, "who": {{ asns | tojson }}, "link": {{ link | tojson }}}'
    got = sent(incident(), body=body, headers={"X-Api-Key": "k-{{ token }}", "X-Type": "{{ type }}"}, token=Secret("t"))
    assert json.loads(got.body) == {
        "text": incident().headline,
        "who": [44244, 197207],
        "link": f"https://x.example/{incident().id}",
    }
    assert (got.headers["x-api-key"], got.headers["x-type"]) == ("k-t", "incident.opened")
    assert "authorization" not in got.headers


def test_a_token_without_a_header_of_its_own_is_a_bearer_token() -> None:
    """As most services expect it."""
    assert sent(incident(), token=Secret("t0ken")).headers["authorization"] == "Bearer t0ken"


def test_another_content_type() -> None:
    """A form: names are escaped by the filter that the operator chose, and have no line ends in any case."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    got = sent(incident(headline=HOSTILE), body="message={{ headline | urlencode }}", headers=form)
    assert got.headers["content-type"] == form["Content-Type"]
    assert got.body.startswith(b"message=%22%2C%20%22admin")
    assert (
        b"\n"
        not in sent(incident(headline=HOSTILE), body="{{ headline }}", headers={"Content-Type": "text/plain"}).body
    )


def test_a_name_never_breaks_out_of_json() -> None:
    """With `tojson` a name is a text, whatever it is."""
    got = sent(incident(headline=HOSTILE), body='{"text": {{ headline | tojson }}}')
    assert list(json.loads(got.body)) == ["text"]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"body": '{"a": {{ headlin }}}'}, "body: 'headlin' is undefined"),
        ({"body": '{"a": {{ data.headlines | tojson }}}'}, "body: 'dict object' has no attribute 'headlines'"),
        ({"body": "{% if %}"}, "body: line 1: "),
        ({"body": '{"a": "{{ headline }}"}'}, "body: is not JSON"),
        ({"body": "{{ ''.__class__.__mro__ }}"}, "body: access to attribute '__class__' of 'str' object is unsafe"),
        (
            {"body": "{% for a in range(99999) %}{{ headline }}{% endfor %}"},
            "body: is longer than 1,048,576 characters",
        ),
        ({"body": "{{ 'x' * 999999999 }}"}, "body: `*` is not allowed here"),
        ({"body": "{{ '%999999999d' % 1 }}"}, "body: `%` is not allowed here"),
        ({"body": "{{ range(999999999) | list }}"}, "body: Range too big"),
        ({"body": "{{ token }}"}, "body: 'token' is undefined"),
        ({"body": "{% include '/etc/passwd' %}"}, "body: no loader for this environment specified"),
        ({"headers": {"X-A": "{{ headline }}"}}, "headers.X-A: is not one line of ASCII"),
        ({"headers": {"X-A": "{{ nothing }}"}}, "headers.X-A: 'nothing' is undefined"),
    ],
)
def test_a_template_that_fails_is_refused_at_the_start(fields: dict[str, Any], line: str) -> None:
    """Each is tried with an incident and an outage whose names have quotes: one line names the key and the fault."""
    with pytest.raises(SettingsError) as caught:
        load_endpoint("noc", webhook(**fields))
    text = str(caught.value)
    assert text.startswith(f"alerts.receivers.noc.{line}"), text
    assert "\n" not in text


def test_a_template_in_a_file(tmp_path: Path) -> None:
    """It is read at the start; one that is missing is an error that names it."""
    (tmp_path / "body.j2").write_text('{"id": {{ id | tojson }}}\n')
    assert json.loads(sent(outage(), body_file=str(tmp_path / "body.j2")).body)["id"].startswith("msg_")
    with pytest.raises(SettingsError, match=r"alerts\.receivers\.noc\.body_file: .*none.*"):
        load_endpoint("noc", webhook(body_file=str(tmp_path / "none")))


def test_a_template_that_fails_later_makes_a_dead_letter_that_says_why() -> None:
    """No example is every incident. The reason names the key and no secret."""
    receiver = webhook(body='{"a": {{ 1 / (1 if data.revision < 9 else 0) }}}', token=Secret("t0ken"))
    outcome = MessageSender(load_endpoint("noc", receiver), None)(Job([item(incident(9))], [], []))
    assert (outcome.result, outcome.detail) == ("refused", "cannot be made: body: division by zero")


def test_a_body_of_the_operators_own_is_of_one_notice() -> None:
    """In a storm, too: a template for a digest would be another one."""
    for receiver, size in ((webhook(), 20), (webhook(body='{"a": 1}'), 1)):
        driver = QueueDriver(receiver)
        driver.put_all(20)
        assert len(driver.send()) == size


@pytest.mark.parametrize("name", ["Host", "webhook-signature", "Content-Length"])
def test_headers_of_the_request_itself_are_not_the_operators(name: str) -> None:
    """They say where a request goes and who signed it."""
    with pytest.raises(ValueError, match="`headers` cannot have"):
        webhook(headers={name: "x"})


def test_a_new_key(capsys: pytest.CaptureFixture[str]) -> None:
    """`ebbtide alerts new-key` prints a key of 32 bytes, another one each time, without any settings."""
    assert main(["alerts", "new-key"]) == main(["alerts", "new-key"]) == 0
    first, second = capsys.readouterr().out.split()
    assert len(key_bytes(Secret(first))) == 32
    assert first != second
