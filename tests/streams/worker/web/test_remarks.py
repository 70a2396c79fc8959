"""What operators say of an incident, on its page, in the API and in the feeds."""

from __future__ import annotations

import dataclasses
from typing import Any
from xml.etree import ElementTree

from aiohttp.test_utils import TestClient

from schemas.remark import Remark
from tests.streams.worker.web.server import WorkerServer
from tests.streams.worker.web.site import application, read, story

AT = "2030-01-01T00:00:00Z"
HOSTILE = "<script>alert(1)</script>\u202e"


def remarks_of(incident_id: str) -> list[Remark]:
    """Return a silence, an acknowledgement and a note of any incident."""
    fields: dict[str, Any] = {"incident_id": incident_id, "by": HOSTILE, "text": HOSTILE, "written_at": AT}
    return [
        Remark(kind="silence", until="2030-01-01T02:00:00Z", **fields),
        Remark(kind="ack", **fields),
        Remark(kind="note", link="https://status.example/7", **fields),
    ]


async def test_remarks_are_shown_wherever_an_incident_is() -> None:
    """With who, why, until when and the link; as text, whatever they hold. Feeds have notes only, and a newer time."""
    view = dataclasses.replace(read(story()), remarks_of=remarks_of)
    found = view.incidents()[0]
    async with TestClient(WorkerServer(application(view))) as client:
        page = await (await client.get(f"/incidents/{found.incident_id}")).text()
        listed = await (await client.get("/api/v1/incidents?limit=1")).json()
        feed = await (await client.get("/feed.json")).json()
        atom = ElementTree.fromstring(await (await client.get("/feed.atom")).read())
    for text in ("Silence", "Acknowledged", "Note", "2030-01-01 02:00", 'href="https://status.example/7"'):
        assert text in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert [remark["kind"] for remark in listed["remarks"]] == ["silence", "ack", "note"]
    assert {remark["incident_id"] for remark in listed["remarks"]} == {listed["incidents"][0]["incident_id"]}
    entry = feed["items"][0]
    assert "https://status.example/7" in entry["content_text"]
    assert "until" not in entry["content_text"].partition("Note by")[2]
    assert entry["date_modified"] == AT
    assert atom.findtext("{http://www.w3.org/2005/Atom}updated") == AT
