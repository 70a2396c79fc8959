"""Examples that the help of each command ends with; a test parses all of them."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "demo": ("ebbtide demo", "ebbtide demo --keep"),
    "init": ("ebbtide init --feed reach:ratio:5m",),
    "check": ("ebbtide check", "ebbtide check --offline --settings staging.toml"),
    "worker": ("ebbtide worker", "ebbtide worker --log-format json"),
    "alerts": ("ebbtide alerts", "ebbtide alerts test noc", "ebbtide alerts --dry-run --once"),
    "replay": ("ebbtide replay day.jsonl.gz --speed 60",),
    "record": ("ebbtide record day.jsonl.gz --since 2026-12-01",),
    "dead": ("ebbtide dead --count", "ebbtide dead --send --reason unknown-feed"),
    "source": ("ebbtide source --list", "ebbtide source flows --dry-run --until 1000"),
    "detect": ("ebbtide detect day.jsonl.gz", "ebbtide detect --incidents --source flows flows.csv"),
    "tail": ("ebbtide tail", "ebbtide tail --from-start --once --json"),
    "outages": ("ebbtide outages --country IR", "ebbtide outages --worker localhost:6066 --since 2026-12-01"),
    "incidents": (
        "ebbtide incidents --all --json",
        'ebbtide incidents note 9b5c1d27a0e4f386 "A cable was cut" --link https://status.example/7',
    ),
    "silence": ("ebbtide silence 9b5c1d27a0e4f386 2h --because maintenance", "ebbtide silence 9b5c1d27a0e4f386 --end"),
    "ack": ("ebbtide ack 9b5c1d27a0e4f386", "ebbtide ack 9b5c1d27a0e4f386 --undo"),
    "score": ("ebbtide score tests/data/atlas-2016-06-16 outages.jsonl",),
    "simulate": ("ebbtide simulate --list", "ebbtide simulate iran-2019 --output iran"),
    "explain": ("ebbtide explain AS43754 day.jsonl.gz --plot day.png", "ebbtide explain IR --live"),
    "topics": ("ebbtide topics", "ebbtide topics --check"),
    "state": ("ebbtide state export before.state", "ebbtide state import --force before.state"),
    "calendar": (
        "ebbtide calendar add --starts 2026-12-01T00:00Z --ends 2026-12-01T04:00Z --entity AS29355 --note upgrade",
    ),
    "metadata": ("ebbtide metadata update as-org.txt.gz aspop.html --output metadata.csv",),
    "settings": ("ebbtide settings check", "ebbtide settings reference"),
    "completion": ("ebbtide completion bash > ~/.local/share/bash-completion/completions/ebbtide",),
}
EXIT_CODES = "exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted"


def epilog(command: str) -> str:
    """Return the end of the help of a command."""
    examples = "\n".join(f"  {example}" for example in EXAMPLES.get(command, ()))
    return f"{f'examples:{chr(10)}{examples}{chr(10)}{chr(10)}' if examples else ''}{EXIT_CODES}"
