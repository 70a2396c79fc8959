"""Which feed gave how many nats to an incident, in `ebbtide explain` from files and from a worker."""

from __future__ import annotations

import json

import msgspec
import pytest

from schemas.incident import Incident
from streams.cli.main import main
from streams.evaluation.explain import ExplainAnswer, Question, explain, report
from streams.evaluation.explain_incidents import incident_sentences
from tests.streams.cli.test_outages import worker
from tests.streams.pipeline.incidents.test_together import DOWN, SEED, SETTINGS, measured

ENTITY = f"asn/{64_600 + DOWN}"


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> ExplainAnswer:
    """Return the answer about a network of which three feeds together show a loss that none shows by itself."""
    file = tmp_path_factory.mktemp("together") / "measurements.jsonl"
    file.write_bytes(b"\n".join(line for _, line in measured(SEED, 0.2)))
    return explain(SETTINGS, Question(ENTITY), [str(file)], lambda: 4e9, lambda tally: None)


def test_each_feed_says_how_much_it_gave(answer: ExplainAnswer) -> None:
    """The incident that three feeds open together is found and its time is shown; the feeds have their nats."""
    (incident,) = answer.incidents
    text = "\n".join(report(answer, Question(ENTITY)))
    assert f"Incident {incident.incident_id}" in text
    assert "Several feeds together opened it before any of the" in text
    assert isinstance(incident.confidence.by_feed, dict)
    for feed, nats in incident.confidence.by_feed.items():
        assert f"  {feed}: {abs(nats):.1f} nats {'for' if nats >= 0 else 'against'} an outage" in text
    assert len(answer.views) == 3
    assert all(view.bins for view in answer.views)


def doubtful(answer: ExplainAnswer) -> Incident:
    """Return that incident, with a feed that could have seen it and did not."""
    (incident,) = answer.incidents
    confidence = msgspec.structs.replace(incident.confidence, against=["four"], by_feed={"one": 16.25, "four": -1.5})
    return msgspec.structs.replace(incident, confidence=confidence)


def test_a_feed_that_could_have_seen_it_is_named(answer: ExplainAnswer) -> None:
    """What it takes away stands beside what the others give."""
    lines = list(incident_sentences(doubtful(answer)))
    assert "  one: 16.2 nats for an outage" in lines
    assert "  four: 1.5 nats against an outage: it could have seen the fall and shows none" in lines
    assert sum("four" in line for line in lines) == 1


def test_a_feed_that_could_not_have_seen_it_or_has_seen_it_since_is_not_said_to_be_against_it(
    answer: ExplainAnswer,
) -> None:
    """One had closed no bin, the other shows the outage by now."""
    given = {"one": 16.25, "two": -1.5, "late": -0.0045}
    confidence = msgspec.structs.replace(doubtful(answer).confidence, by_feed=given, against=[], silent=["late"])
    lines = list(incident_sentences(msgspec.structs.replace(doubtful(answer), confidence=confidence)))
    assert "two" in confidence.seen_by
    assert [line for line in lines if line.startswith(("  two", "  late"))] == [
        "  two: 1.5 nats against an outage: it could have seen the fall and showed none then",
        "  late: nothing then: it had measured too little of the fall, or its noise would hide it",
    ]


def test_a_worker_says_the_same(answer: ExplainAnswer, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines and JSON of an incident are those of files; no outage of the entity is needed for it."""
    incident = msgspec.to_builtins(doubtful(answer))
    with worker(200, json.dumps({"outages": [], "incidents": [incident]}).encode()) as url:
        assert main(["explain", ENTITY, "--worker", url]) == 0
        text = capsys.readouterr().out
        assert main(["explain", ENTITY, "--worker", url, "--json"]) == 0
    assert "\n".join(incident_sentences(doubtful(answer))) in text
    assert json.loads(capsys.readouterr().out) == {"type": "incident", **incident}
