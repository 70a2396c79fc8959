"""The messages of all receivers: golden files, signatures, limits, and no secret in the shown body."""

from __future__ import annotations

import json
import os
import time
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from schemas.documents.generate import FOLDER
from schemas.notification import message_id
from streams.alerts.delivery_types import Job, MessageItem, SharedDigest
from streams.alerts.endpoint import load_endpoint
from streams.alerts.message import Context, Message
from streams.alerts.notice import Notice
from streams.alerts.sender import compose
from streams.config.receivers import AnyReceiver, Webhook
from streams.config.secret import Secret
from tests.streams.alerts.helpers import ALERTMANAGER, KEY, PAGERDUTY, RECEIVERS, SLACK, WEBHOOK, incident, outage

GOLDEN = Path(__file__).parent / "golden"
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NOW = 1_795_600_800.0
LINK = "https://grafana.example/d/incident?id={id}"
ENDED = incident(9, "ended", ended_at="2019-12-25T12:00:00Z", severity="total")


def item(notice: Notice, action: Any = "opened", previous: Notice | None = None) -> MessageItem:  # noqa: ANN401
    """Return a notice as an item for the receiver `noc`."""
    reason = {
        "opened": "confirmed",
        "changed": "ongoing, now spreading",
        "ended": "over",
        "suppressed": "suppressed by calendar:exam",
    }[action]
    return MessageItem(message_id("noc", notice.subject, notice.id, notice.revision), notice, action, reason, previous)


def message(receiver: AnyReceiver, *items: MessageItem, repeats: tuple[Notice, ...] = ()) -> Message:
    """Return the message of items. Several items at PagerDuty are a digest with another open incident."""
    shared = SharedDigest("msg_" + "0" * 32, [incident(incident_id="0" * 16)]) if len(items) > 1 else None
    job = Job(list(items), list(repeats), [], shared if receiver.shares_alerts else None)
    return compose(load_endpoint("noc", receiver), job, Context("noc", LINK, NOW))


CASES = {
    "opened": (item(incident()),),
    "changed": (item(incident(8, "spreading"), "changed", incident()),),
    "ended": (item(ENDED, "ended", incident()),),
    "suppressed": (item(incident(9, suppressed_by="calendar:exam"), "suppressed", incident()),),
    "outage": (item(outage()),),
    "digest": (item(incident()), item(ENDED, "ended", incident())),
}


@pytest.mark.parametrize(("name", "case"), [(name, case) for name in RECEIVERS for case in CASES])
def test_golden(name: str, case: str) -> None:
    """The shown body equals the golden file byte for byte. EBBTIDE_GOLDEN=write writes the files."""
    shown = json.dumps(json.loads(message(RECEIVERS[name], *CASES[case]).shown), indent=2, ensure_ascii=False) + "\n"
    file = GOLDEN / f"{name}-{case}.json"
    if os.environ.get("EBBTIDE_GOLDEN") == "write":
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")
    for secret in (KEY, "secret"):
        assert secret not in shown


@pytest.mark.parametrize("name", RECEIVERS)
def test_messages_keep_their_secrets(name: str) -> None:
    """The repr of a message contains no URL, no signature and no key."""
    text = repr(message(RECEIVERS[name], item(incident()))._replace(shown=""))
    assert "example" not in text
    assert "v1," not in text
    assert "secret" not in text


def test_signatures_are_those_of_standard_webhooks() -> None:
    """The library of Standard Webhooks accepts each of two keys, and rejects another body or key."""
    receiver = Webhook(url=Secret("https://noc.example/hook"), keys=(Secret(KEY), Secret(OTHER)))
    now = time.time()  # the library accepts no signature that is older than five minutes
    made = compose(load_endpoint("noc", receiver), Job([item(incident())], [], []), Context("noc", None, now))
    body, headers = made.body.reveal(), {name: value.reveal() for name, value in made.headers.items()}
    for key in (KEY, OTHER):
        assert Verifier(key).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Verifier(KEY).verify(body.replace("IR", "IQ"), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "A" * 32).verify(body, headers)


def test_ids_are_functions_of_receiver_subject_and_revision() -> None:
    """An id is the same at any time, and differs by receiver, subject, id and revision."""
    made = compose(load_endpoint("noc", WEBHOOK), Job([item(incident())], [], []), Context("noc", LINK, NOW + 99))
    first = message(WEBHOOK, item(incident()))
    assert (made.body.reveal(), made.headers["webhook-id"].reveal()) == (
        first.body.reveal(),
        first.headers["webhook-id"].reveal(),
    )
    ids = {message_id(r, s, i, n) for r in "ab" for s in ("incident", "outage") for i in "cd" for n in (1, 2)}
    assert len(ids) == 16


def schema() -> Draft202012Validator:
    """Return the validator of webhook messages, with the schemas of incidents and outages."""
    found = [
        json.loads((FOLDER / f"{name}.schema.json").read_bytes()) for name in ("notification", "incident", "outage")
    ]
    registry: Any = Registry().with_resources((document["$id"], Resource.from_contents(document)) for document in found)
    return Draft202012Validator(found[0], registry=registry)


@pytest.mark.parametrize("case", CASES)
def test_webhook_messages_match_their_schema(case: str) -> None:
    """A notification and a digest are valid; an unknown type is not."""
    body = json.loads(message(WEBHOOK, *CASES[case]).body.reveal())
    schema().validate(body)
    assert not schema().is_valid(body | {"type": "incident.closed"})


TEXT = st.text(max_size=4000)
NOTICES = st.builds(
    lambda text, asns, number: incident(
        headline=text or "x",
        incident_id=f"{number:016x}",
        services=[text],
        feeds=[text[:60]],
        scope={"countries": ["IR", "IQ"], "regions": [f"IR-{text[:60]}"] * 50, "asns": asns},
    ),
    TEXT,
    st.lists(st.integers(1, 4_294_967_295), max_size=400),
    st.integers(0, 2**64 - 1),
)


@settings(max_examples=40)
@given(st.lists(NOTICES, min_size=1, max_size=3), st.sampled_from([1, 100]))
def test_slack_stays_within_its_limits(notices: list[Notice], times: int) -> None:
    """Blocks and their texts keep to the limits, contain no link or mention, and name each notice of a digest."""
    items = [item(notice) for notice in notices * times][:100]
    made = json.loads(message(SLACK, *items).body.reveal())
    blocks = made["blocks"]
    assert 1 <= len(blocks) <= 50
    assert 1 <= len(made["text"]) <= 4000
    assert len(blocks[0]["text"]["text"]) <= 150
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section" and "text" in block]
    fields = list(chain(*(block.get("fields", []) for block in blocks)))
    assert all(1 <= len(text) <= 3000 for text in sections)
    assert all(len(field["text"]) <= 2000 for field in fields)
    assert len(fields) <= 10
    for text in [made["text"], *sections, *(field["text"] for field in fields)]:
        assert not set("<>") & set(text)
        assert "@" not in text.replace("@\u200b", "")
    if len(items) > 1:
        assert sum(text.count("🔴") for text in sections) >= len(items)


@settings(max_examples=40)
@given(NOTICES, st.sampled_from(["opened", "changed", "ended"]))
def test_pagerduty_stays_within_its_limits(notice: Notice, action: str) -> None:
    """An event has a summary, a key and a source, and at most 512 kB."""
    body = message(PAGERDUTY, item(notice, action)).body.reveal()
    made = json.loads(body)
    assert made["event_action"] == ("resolve" if action == "ended" else "trigger")
    assert made["dedup_key"] == notice.id
    assert 1 <= len(made["payload"]["summary"]) <= 1024
    assert made["payload"]["source"]
    assert made["payload"]["severity"] in ("critical", "error", "warning", "info")
    assert len(body.encode()) < 512_000


def test_a_new_severity_ends_the_alert_with_the_old_labels() -> None:
    """Labels identify an alert in Alertmanager, so the old one ends in the message that opens the new one."""
    before, now = incident(1, severity="partial"), incident(2, severity="total")
    alerts = json.loads(message(ALERTMANAGER, item(now, "changed", before)).body.reveal())
    assert [(alert["labels"]["severity"], "endsAt" in alert) for alert in alerts] == [
        ("warning", True),
        ("critical", False),
    ]
    again = json.loads(message(ALERTMANAGER, repeats=(now,)).body.reveal())
    assert [alert["labels"] for alert in again] == [alerts[1]["labels"]]


def test_an_alert_never_ends_before_it_starts() -> None:
    """An unknown end is the time of the revision, but not before the start, which Alertmanager would refuse."""
    odd = incident(2, "expired", updated_at="2019-12-25T04:00:00Z")
    (alert,) = json.loads(message(ALERTMANAGER, item(odd, "ended", incident())).body.reveal())
    assert alert["startsAt"] == alert["endsAt"] == "2019-12-25T05:00:00Z"
