"""What records of each type of source cost: `make bench-sources`. CPU is user and system; memory is what is added."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from streams.config.settings import from_builtins
from streams.sources.atlas_events import ProbeEvent, message_of
from streams.sources.decoders import decoder_of
from streams.sources.ioda import IodaService
from streams.sources.lines import stage_of
from streams.sources.ooni import OoniService
from streams.sources.poll import RangeAnswer
from streams.sources.prometheus import PrometheusService
from streams.sources.records import LineRecord, RecordChunk
from tests.streams.sources.test_ooni import listing, trial
from tests.streams.sources.test_protobuf_decoder import flow

START, COUNT, CHUNK, NETWORKS = 1_700_006_400, 60_000, 2000, 5000
FIELDS = 'fields = { ts = "at", asn = "net", value = "hits" }'
PMACCT = {"event_type": "purge", "as_dst": 0, "peer_ip_src": "192.0.2.1", "packets": 3, "bytes": 1234}


class Case(NamedTuple):
    """A source: kind of its feed, lines of its settings, and what makes records, within the time that counts."""

    kind: str
    source: str
    records: Callable[[Any], Iterator[LineRecord]]
    form: str = "json"


def lines(make: Callable[[int], Mapping[str, Any]]) -> Callable[[Any], Iterator[LineRecord]]:
    """Return what yields JSON objects that are made before the time counts."""
    made = [LineRecord(json.dumps(make(n)).encode(), n) for n in range(COUNT)]
    return lambda _: iter(made)


def binary(_: object) -> Iterator[LineRecord]:
    """Yield flows of goflow2 in its binary form."""
    yield from _FLOWS


def second(n: int) -> int:
    """Return the time of a record: 100 a second."""
    return START + n // 100


def probes(_: object) -> Iterator[LineRecord]:
    """Yield events of the stream of RIPE Atlas."""
    for n, text in enumerate(_MESSAGES):
        found = message_of(text, START)
        assert isinstance(found, ProbeEvent)
        yield LineRecord(found.line(None), n)


_FLOWS = [LineRecord(flow(1 + n % NETWORKS, 0, 1234, 1000, START + n // 100), n) for n in range(COUNT)]


def _message(n: int) -> str:
    probe = {"id": n % 9000, "asn_v4": 1 + n % NETWORKS, "country_code": "NL", "status_id": 1 + n % 2}
    event = {"prb_id": n % 9000, "timestamp": second(n), "event": "connect", "asn": 3333, "controller": "ctr-x"}
    return json.dumps(["atlas_probestatus", {**event, "type": "connection", "probe": probe}])


_MESSAGES = [_message(n) for n in range(COUNT)]


class Answering:
    """A link whose requests are answered at once."""

    def __init__(self, answer: Callable[[str, Mapping[str, str]], bytes]) -> None:
        self._answer = answer

    async def ask(self, url: str, read: Callable[[bytes], Any], query: Mapping[str, str] = {}, _: str = "") -> Any:  # noqa: ANN401
        """Return what is read of the answer."""
        return read(self._answer(url, query))


def asked(service: Any, answer: Callable[[str, Mapping[str, str]], bytes], stop: int) -> Callable[[Any], Any]:  # noqa: ANN401
    """Return what yields the steps of a service, up to a time."""

    def records(source: object) -> Iterator[LineRecord]:
        link: Any = Answering(answer)
        found: RangeAnswer = asyncio.run(service(source).ask(link, START, stop))
        for ts, objects in sorted(found.objects.items()):
            yield LineRecord(b"[" + b",".join(objects) + b"]", ts)

    return records


STEPS = COUNT // 1000
_SERIES = [
    {"metric": {"asn": str(1 + n)}, "values": [[START + 60 * (1 + at), "10"] for at in range(STEPS)]}
    for n in range(1000)
]
_MATRIX = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": _SERIES}}).encode()
_SIGNAL = {"datasource": "bgp", "from": START, "step": 300, "values": list(range(STEPS * 20))}
_SIGNALS = json.dumps({"data": [[_SIGNAL]]}).encode()
_FILE = gzip.compress(b"\n".join(trial("signal", 1 + n % 900, signal_backend_status="ok") for n in range(COUNT)))


def bucket(url: str, query: Mapping[str, str]) -> bytes:
    """Return a listing of one file, or the file."""
    return listing([f"{query['prefix']}1.jsonl.gz"]).encode() if query else _FILE


CASES = {
    "kafka": Case(
        "count",
        f'type = "kafka"\ntopic = "t"\n{FIELDS}',
        lines(lambda n: {"at": second(n), "net": 1 + n % NETWORKS, "hits": 3}),
    ),
    "files": Case(
        "count",
        f'type = "files"\npaths = ["x"]\n{FIELDS}',
        lines(lambda n: {"at": str(second(n)), "net": str(1 + n % NETWORKS), "hits": "3"}),
        "csv",
    ),
    "pmacct": Case(
        "count",
        'type = "pmacct"\ntopic = "t"',
        lines(
            lambda n: {
                **PMACCT,
                "as_src": 1 + n % NETWORKS,
                "stamp_inserted": time.strftime("%Y-%m-%d %H:%M:00", time.gmtime(second(n))),
            }
        ),
    ),
    "goflow2 (protobuf)": Case("count", 'type = "goflow2"\ntopic = "t"\nformat = "protobuf"', binary, "protobuf"),
    "atlas": Case("presence", 'type = "atlas"', probes),
    "prometheus": Case(
        "gauge",
        'type = "prometheus"\nurl = "http://a"\nquery = "q"\nfields = { asn = "asn" }',
        asked(PrometheusService, lambda *_: _MATRIX, START + 60 * STEPS),
    ),
    "ioda": Case(
        "gauge",
        'type = "ioda"\ndatasource = "bgp"\nentities = [' + ", ".join(f'"asn/{n}"' for n in range(1, 51)) + "]",
        asked(IodaService, lambda *_: _SIGNALS, START + 300 * STEPS * 20),
    ),
    "ooni": Case(
        "ratio",
        'type = "ooni"\ncountries = ["IT"]\ntests = ["signal"]\naccept_terms = true',
        asked(OoniService, bucket, START),
    ),
}


def measured(case: Case) -> tuple[int, float]:
    """Return how many objects a source has made rows of, and the CPU seconds that it took."""
    width = 3600 if "ooni" in case.source else 300
    text = f'[feeds.f]\nsignal = "x"\nkind = "{case.kind}"\nbin = {width}\n[sources.s]\nfeed = "f"\n{case.source}\n'
    settings = from_builtins(tomllib.loads(text))
    source = settings.sources["s"]
    stage = stage_of(settings, "s", decoder_of("s", source, case.form))
    began = time.process_time()
    records = list(case.records(source))
    for at in range(0, len(records), CHUNK):
        stage.process(RecordChunk("p", records[at : at + CHUNK]))
        stage.due()
    stage.rest()
    return stage.tally.rows, time.process_time() - began


def main() -> None:
    """Print the best of three rounds of each."""
    for name, case in CASES.items():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows, spent = min((measured(case) for _ in range(3)), key=lambda found: found[1])
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
        sys.stdout.write(f"{name}: {rows / spent:,.0f} a CPU second ({rows:,}), {memory} MiB more\n")


if __name__ == "__main__":
    main()
