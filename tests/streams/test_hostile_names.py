"""Names that try to be markup, mentions, links, control codes or templates stay text, wherever they are shown."""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.incident import Incident, decode_incident
from schemas.outage import Outage, decode_outage
from streams.alerts.delivery_types import MessageItem
from streams.alerts.notice import Notice
from streams.cli.main import main
from tests.schemas.examples import INCIDENT
from tests.schemas.examples import OUTAGE as OUTAGE_MESSAGE
from tests.streams.alerts.helpers import RECEIVERS, incident, outage
from tests.streams.alerts.test_payloads import item, message
from tests.streams.cli.test_outages import worker
from tests.streams.worker.web.site import read, served, story

NAMES = {
    "html": "</title></p><script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "slack mention": "<!channel> <!here> <@U012AB3CD> <#C012AB3CD> @channel @here @everyone",
    "slack link": "<https://evil.example|a link> https://evil.example/ mailto:x@evil.example",
    "slack markup": "*bold* _italic_ ~struck~ `code` ```block``` > quoted :fire:",
    "markdown": "[a link](https://evil.example) ![x](https://evil.example/x.png) # heading",
    "template": '{{ 7 * 7 }} {% raw %} ${7*7} {{ template "x" . }} #{7*7} <%= 7 %> %(x)s %s',
    "terminal": "\x1b[2J\x1b]0;title\x07\x1b]8;;https://evil.example\x07x \x9b31m \x08\x7f",
    "lines": "first\r\nSet-Cookie: x\nINFO all is well\u2028more\u2029more\x85more\x0bmore",
    "bidi": "abc\u202etxt.exe\u202c \u2066x\u2069 \u200fx \ufeffx",
    "nul": "a\x00b",
    "metric": 'x"} 1\nebbtide_ready{a="\\',
    "long": "W" * 100_000,
}
FORMATTING = {"\u200b", "\u200c", "\u200d", "\xa0"}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """A hostile name."""
    return NAMES[request.param]


def hostile_incident(text: str) -> dict[str, Any]:
    """Return the fields of an incident with the text wherever a message may hold any."""
    return {
        "headline": f"Down: {text}",
        "services": [text],
        "feeds": [text[:64]],
        "suppressed_by": None,
        "scope": {"countries": ["IR"], "regions": [f"IR-{text}"], "asns": [44244]},
    }


def hostile_outage(text: str) -> dict[str, Any]:
    """Return the fields of an outage with the text wherever a message may hold any."""
    return {
        "entity": f"region/IR-{text}", "region": f"IR-{text}", "facets": {"service": text[:64]}, "feed": text[:64],
        "signal": text[:64], "explain": {"reason": text, "baseline": text, text[:50]: text},
    }  # fmt: skip


def items(text: str) -> list[MessageItem]:
    """Return an opened incident, one that ended, and an outage."""
    fields = hostile_incident(text)
    before: Notice = incident(**fields)
    ended = incident(9, "ended", ended_at="2019-12-25T12:00:00Z", **fields)
    return [item(before), item(ended, "ended", before), item(outage(**hostile_outage(text)))]


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401
    """Yield all texts of a JSON value, names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)


def assert_visible(text: str) -> None:
    """Nothing in it controls a terminal, ends a line, or turns the direction of writing."""
    assert not [character for character in text if not character.isprintable() and character not in FORMATTING]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("receiver", RECEIVERS)
def test_receivers_get_text(receiver: str, name: str, together: bool) -> None:
    """One message each, or a digest: the bytes are visible, and what the receiver reads as markup is not there."""
    batches = [items(name)] if together else [[single] for single in items(name)]
    for batch in batches:
        made = message(RECEIVERS[receiver], *batch)
        body = made.body.reveal() if made.method != "MAIL" else made.shown
        assert_visible(body)
        assert all(len(header.reveal()) < 2000 and header.reveal().isprintable() for header in made.headers.values())
        content = json.loads(body)
        if receiver == "webhook":
            assert f"Down: {name}" in texts(content) or batch[0].notice.subject == "outage"  # data, not text
            continue
        for text in texts(content):
            assert text.count("\n") < len(batch) or receiver in MANY_LINES  # a line each
            assert_visible(text.replace("\n", ""))
        CHECKS[receiver](content)


def check_slack(content: dict[str, Any]) -> None:
    """No text is markup to Slack, none is too long, and no block is of a kind that reads markup."""
    assert not any(content[name] for name in ("mrkdwn", "link_names", "unfurl_links", "unfurl_media"))
    assert content["parse"] == "none"
    assert "mrkdwn" not in [value for block in content["blocks"] for value in texts(block)]
    for text in texts({"text": content["text"], "blocks": content["blocks"]}):
        assert not set("<>") & set(text)
        assert "@" not in text.replace("@\u200b", "")
        assert len(text) <= 4000


def check_pagerduty(content: dict[str, Any]) -> None:
    """Texts keep to their limits, and the only links are ours."""
    assert len(content["payload"]["summary"]) <= 1024
    assert all(len(content["payload"][field]) <= 255 for field in ("source", "component", "group", "class"))
    links = [content["client_url"], *(link["href"] for link in content["links"])]
    assert all(link.startswith("https://grafana.example/d/incident?id=") for link in links)


def check_alertmanager(content: list[dict[str, Any]]) -> None:
    """No tag, mention or template in any label or annotation, whatever its receivers make of them."""
    for alert in content:
        for text in texts({"labels": alert["labels"], "annotations": alert["annotations"]}):
            assert not set("<>") & set(text)
            assert not any(pair in text for pair in ("{{", "}}", "{%", "${7", "#{7"))
            assert "@" not in text.replace("@\u200b", "")
        assert alert["generatorURL"].startswith("https://grafana.example/d/incident?id=")


def assert_plain(text: str, own_link: str) -> None:
    """Nothing in it is an address, a mention, a tag or a command, but for the link of the settings."""
    rest = text.replace(own_link, "")
    assert not re.search(r"[@#/](?!\u200b)", rest)
    assert "evil.example" not in rest


def link_in(text: str) -> str:
    """Return the link of the settings that a text ends with, or an empty text."""
    last = text.rpartition("\n")[2]
    return last if re.fullmatch(r"https://grafana\.example/d/incident\?id=[0-9a-f]+", last) else ""


def check_ntfy(content: dict[str, Any]) -> None:
    """Plain text within 4,096 bytes, above which a message is a file."""
    assert len(content["message"].encode()) <= 4096
    assert content["markdown"] is False
    for text in (content["title"], content["message"]):
        assert_plain(text, link_in(text))


def check_telegram(content: dict[str, Any]) -> None:
    """Plain text within 4,096 units."""
    assert "parse_mode" not in content
    assert len(content["text"].encode("utf-16-le")) <= 2 * 4096
    assert_plain(content["text"], link_in(content["text"]))


def check_matrix(content: dict[str, Any]) -> None:
    """No HTML, and nobody is mentioned."""
    assert (content["m.mentions"], "formatted_body" in content) == ({}, False)
    assert_plain(content["body"], link_in(content["body"]))


def check_mattermost(content: dict[str, Any]) -> None:
    """Every character of Markdown is escaped, and nobody is mentioned."""
    text = content["text"].replace(link_in(content["text"]), "")
    assert len(content["text"]) <= 16_383
    assert_plain(text, "")
    head, *lines = text.split("\n")
    for line in [head.strip("*"), *(line.removeprefix("- ") for line in lines)]:
        assert not re.search(r"(?<!\\)[*_~`\[\]<>|!]", line.replace("\\\\", ""))
        assert not re.search(r":(100|1234|8ball|[^\W\d]\w*):", line)


def check_opsgenie(content: dict[str, Any]) -> None:
    """Texts keep to their limits, and no text is HTML or mentions anybody."""
    if "message" not in content:
        return
    assert len(content["message"]) <= 130
    assert max(len(content["description"]), len(content["note"])) <= 15_000
    for text in texts({name: content[name] for name in ("message", "description", "note", "tags", "entity")}):
        assert not set("<>") & set(text)
        assert_plain(text.replace(link_in(text), ""), "")


def check_email(content: dict[str, Any]) -> None:
    """The subject is one line, and no name is a line of the text."""
    assert "\n" not in content["Subject"]
    assert not [line for line in content["text"].split("\n") if line.startswith(("INFO", "Set-Cookie"))]


CHECKS: dict[str, Any] = {
    "slack": check_slack,
    "pagerduty": check_pagerduty,
    "alertmanager": check_alertmanager,
    "email": check_email,
    "ntfy": check_ntfy,
    "telegram": check_telegram,
    "matrix": check_matrix,
    "mattermost": check_mattermost,
    "opsgenie": check_opsgenie,
}
MANY_LINES = {"email", "ntfy", "telegram", "matrix", "mattermost", "opsgenie"}  # a field each
VIEW = read(story())


class Tags(HTMLParser):
    """Reads the tags of a page with the names of their attributes, and its links to other hosts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.away: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        targets = [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.away += [target for target in targets if not target.startswith((".", "#", "data:", "https://grafana"))]


def pages(text: str) -> dict[str, bytes]:
    """Return all pages and API answers of a worker whose outage and incident hold the text."""
    first, second = VIEW.outages()[0], VIEW.incidents()[1]
    mine = msgspec.structs.replace(
        first, entity=f"region/IR-{text[:50].strip()}", region=text, facets={"service": text}, signal=text,
        suppressed_by=text, explain={"reason": text, "baseline": text},
    )  # fmt: skip
    theirs = msgspec.structs.replace(
        second, headline=text, services=[text], suppressed_by=text,
        scope=msgspec.structs.replace(second.scope, regions=[text]),
        confidence=msgspec.structs.replace(second.confidence, seen_by=[text], note=text),
    )  # fmt: skip
    view = dataclasses.replace(VIEW, outages=lambda: [mine], incidents=lambda: [theirs], name_of=lambda _: text)
    quoted = urllib.parse.quote(f"region/IR-{text[:50].strip()}")
    part = urllib.parse.quote(text[:50].replace("/", ""), safe="")
    paths = [
        "/", "/outages", "/incidents", f"/outages/{mine.outage_id}", f"/incidents/{theirs.incident_id}",
        f"/series?entity={quoted}", f"/outages/{part}", f"/outages?feed={quoted}",
        f"/outages?limit={quoted}", "/api/v1/outages", "/api/v1/incidents", "/api/v1/annotations/outages",
        "/api/v1/annotations/incidents", f"/api/v1/outages/{part}",
        f"/api/v1/series/region/{part}", f"/api/v1/outages?{quoted}=1",
    ]  # fmt: skip
    with served(view) as url:
        return {path.partition("?")[0] + str(number): _got(url + path) for number, path in enumerate(paths)}


def _got(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url) as answer:
            got: bytes = answer.read()
    except urllib.error.HTTPError as error:
        got = error.read()
    return got


WRONG = 8  # the page of a wrong parameter
PLAIN = [Tags(body.decode()).tags for path, body in pages("plain").items() if not path.startswith("/api")]


def test_pages_show_text(name: str) -> None:
    """The tags and attributes are those of a plain name, all is visible, and nothing leads to another host."""
    shown = pages(name)
    html = [body.decode() for path, body in shown.items() if not path.startswith("/api")]
    for page, plain in zip(html, PLAIN, strict=True):
        assert Tags(page).tags in (plain, PLAIN[WRONG], [])  # some names are none, which is an error
        assert_visible(page.replace("\n", ""))
        assert Tags(page).away == []
    for path, body in shown.items():
        if path.startswith("/api"):
            json.loads(body)


@pytest.mark.parametrize(
    "arguments",
    [
        ["outages", "--all"],
        ["outages", "--all", "--json"],
        ["incidents", "--all"],
        ["incidents", "--all", "--json"],
        ["explain", "region/IR-30"],
        ["explain", "region/IR-30", "--json"],
    ],
)
def test_tables_of_the_commands_show_text(name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every byte that reaches the terminal is visible; no name makes a line; JSON holds what it held."""
    incident_, outage_ = _messages(name)
    lists = {
        "/api/v1/outages": {"outages": [msgspec.to_builtins(outage_)], "next": None},
        "/api/v1/incidents": {"incidents": [msgspec.to_builtins(incident_)], "next": None},
    }
    with worker(200, lambda path: json.dumps(lists[path.partition("?")[0]]).encode()) as url:
        assert main([*arguments, "--worker", url]) == 0
    out, error = capsys.readouterr()
    lines = out.split("\n")
    for line in [*lines, *error.split("\n")]:
        assert_visible(line)
    if "--json" in arguments:
        assert name in {text for line in lines if line for text in texts(json.loads(line))}
    else:
        assert len(lines) < 30


def _messages(text: str) -> tuple[Incident, Outage]:
    fields = hostile_incident(text) | {"absorbed": []}
    fields["scope"] = {**fields["scope"], "regions": ["IR-30", f"IR-{text}"]}
    made = decode_incident(json.dumps(json.loads(INCIDENT) | fields).encode())
    ours = hostile_outage(text) | {"entity": "region/IR-30"}
    return made, decode_outage(json.dumps(json.loads(OUTAGE_MESSAGE) | ours).encode())


def test_metrics_hold_text(name: str) -> None:
    """A label value ends neither its label nor its line."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily

    from streams.worker.exposition.incidents import worst_incidents

    incident_, _ = _messages(name)

    class Page:
        def collect(self) -> list[GaugeMetricFamily]:
            """Return the families of one incident."""
            return worst_incidents([incident_], 10).families

    registry = CollectorRegistry()
    registry.register(Page())
    text = generate_latest(registry).decode()
    for line in text.split("\n"):
        assert_visible(line)
    (info,) = [family for family in text_string_to_metric_families(text) if family.name == "ebbtide_incident_info"]
    assert len(info.samples) == 1
    assert all(len(value) <= 200 for value in info.samples[0].labels.values())
