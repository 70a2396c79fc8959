"""The command line as its users meet it: help, errors in one line with their exit codes, files and pipes."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from streams.broker import clients
from streams.cli.main import parser
from streams.config.kafka import OWNED, TOPIC_KEYS
from tests.ebbtide import FEEDS, MEASUREMENTS, PROGRAM, Cluster, ebbtide, ebbtide_process, env
from tests.kafka import ApacheKafka, free_ports

COMMANDS = ("demo", "worker", "replay", "detect", "topics", "settings")


def assert_fails(done: subprocess.CompletedProcess[bytes], code: int, *said: str) -> None:
    """It ended with that exit code, and one line on standard error that has these words; nothing on standard output."""
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (code, b"", 1), done.stderr.decode()
    assert lines[0].startswith("ebbtide: ")
    for words in said:
        assert words in lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """`--help` says what the command does and which settings file it reads."""
    done = ebbtide(command, "--help")
    assert done.returncode == 0
    assert f"usage: ebbtide {command}".encode() in done.stdout
    assert b"--settings" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["incidents", "note", "--worker", "127.0.0.1:1", "0" * 16, "A cable was cut"],
        ["incidents", "--by", "Ana", "note", "0" * 16, "--worker", "127.0.0.1:1", "A cable was cut"],
        ["silence", "0" * 16, "--by", "Ana", "2h"],
        ["alerts", "test", "--settings", "x.toml", "noc"],
        ["state", "import", "--force", "before.state"],
        ["score", "case", "--settings", "x.toml", "events.jsonl"],
        ["explain", "--live", "AS1"],
        ["explain", "--bins", "3", "AS1", "--json", "a.jsonl", "b.jsonl"],
        ["simulate", "--output", "x", "quiet"],
        ["source", "--settings", "x.toml", "atlas", "--dry-run", "flows"],
    ],
)
def test_options_stand_anywhere(words: list[str]) -> None:
    """Between and before positional arguments; an optional argument that is given is not taken as left out."""
    optional = [word for word in words[1:] if word.startswith("--")]
    values = {
        name: words[words.index(name) + 1]
        for name in optional
        if name not in ("--force", "--live", "--json", "--dry-run")
    }
    options = [part for name in optional for part in (name, values.get(name)) if part]
    plain = [word for word in words if word not in options]
    assert vars(parser().parse_args(words)) == vars(parser().parse_args([*plain, *options]))
    assert vars(parser().parse_args(words)) == vars(parser().parse_args([plain[0], *options, *plain[1:]]))


def test_what_is_too_much_is_named_with_the_usage_of_the_command() -> None:
    """Not with that of `ebbtide`, which has no options to look for it in."""
    done = ebbtide("simulate", "quiet", "loud", "--from", "now")
    assert done.returncode == 2
    assert b"usage: ebbtide simulate" in done.stderr
    assert done.stderr.endswith(b"ebbtide simulate: error: unrecognized arguments: loud --from now\n")


IMPORTED = """
import contextlib, sys
from streams.cli.main import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {"numpy", "faust", "mode", "aiohttp", "aiokafka", "kafka", "matplotlib", "jinja2", "babel", "rich"}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--version"], set()),
        (["--help"], set()),
        (["flood"], set()),
        (["outages", "--worker", "http://127.0.0.1:1"], set()),
        (["incidents", "--worker", "http://127.0.0.1:1"], set()),
    ],
)
def test_a_command_imports_what_it_needs(arguments: list[str], needed: set[str]) -> None:
    """The version and the help come in a twentieth of the time that all commands take to be imported."""
    command = [sys.executable, "-c", IMPORTED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stderr.splitlines()[-1].split()) == needed


def test_version_and_wrong_use() -> None:
    """The version is the distribution's; no command and an unknown one are wrong use, without a traceback."""
    assert ebbtide_process("--version").stdout.decode() == f"ebbtide {version('ebbtide')}\n"
    for arguments in ((), ("flood",), ("replay", "x", "--speed", "0"), ("detect",)):
        done = ebbtide(*arguments)
        assert done.returncode == 2
        assert b"usage: ebbtide" in done.stderr
        assert b"Traceback" not in done.stderr


def test_settings_check(tmp_path: Path) -> None:
    """Right settings are named with their feeds; each fault is one line with the file, its line and the key."""
    done = ebbtide("settings", "--settings", FEEDS, "check")
    assert (done.returncode, done.stdout) == (0, b"settings are right: 1 feed: atlas\n")
    file = tmp_path / "broken.toml"
    for text, said in (
        ("[kafka]\npartitions = 0\n", f"{file}:2: kafka.partitions"),
        ("[kafka]\n\npartition = 3\n", f"{file}:3: kafka.partition: no such setting"),
        ('[feeds.a]\nsignal = "bgp"\nkind = "gauge"\nbin = "soon"\n', f"{file}:4: feeds.a.bin"),
        ("[kafka\n", f"{file}:1: is not TOML"),
    ):
        file.write_text(text)
        assert_fails(ebbtide("settings", "--settings", file, "check"), 2, said)
    unknown = ebbtide("settings", "check", environment={"EBBTIDE_KAFKA_TOPIC": "x"}, cwd=tmp_path)
    assert_fails(unknown, 2, "EBBTIDE_KAFKA_TOPIC: no such setting")


def test_detect_reads_files_gzip_and_standard_input(tmp_path: Path) -> None:
    """The same measurements give the same outages from one gzip file, from several plain ones, and from a pipe."""
    plain = gzip.decompress(MEASUREMENTS.read_bytes())
    whole = ebbtide("detect", "--settings", FEEDS, MEASUREMENTS)
    piped = ebbtide("detect", "--settings", FEEDS, "-", input=plain)
    lines = plain.splitlines(keepends=True)
    (tmp_path / "one").write_bytes(b"".join(lines[:5000]))
    (tmp_path / "two").write_bytes(gzip.compress(b"".join(lines[5000:])))
    several = ebbtide("detect", "--settings", FEEDS, tmp_path / "one", tmp_path / "two")
    assert whole.returncode == piped.returncode == several.returncode == 0
    assert whole.stdout == piped.stdout == several.stdout
    assert b'"entity":"asn/43754"' in whole.stdout
    assert whole.stderr == piped.stderr == several.stderr
    assert whole.stderr.startswith(b"10,550 measurements in")


def test_detect_says_what_it_cannot_read(tmp_path: Path) -> None:
    """Settings without feeds are wrong use; a missing file, a directory and a torn gzip fail by name."""
    assert_fails(ebbtide("detect", MEASUREMENTS, cwd=tmp_path), 2, "name no feeds")
    torn = tmp_path / "torn.gz"
    torn.write_bytes(MEASUREMENTS.read_bytes()[:5000])
    for file in (tmp_path / "none.jsonl", tmp_path):
        assert_fails(ebbtide("detect", "--settings", FEEDS, file), 1, f"{file}: cannot be read")
    done = ebbtide("detect", "--settings", FEEDS, torn)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"ebbtide: {torn}: cannot be read")


def test_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`ebbtide detect … | head -0` says nothing about a broken pipe."""
    process = subprocess.Popen(
        [*PROGRAM, "detect", "--settings", str(FEEDS), str(MEASUREMENTS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env({"PYTHONUNBUFFERED": "1"}),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said


@pytest.mark.parametrize("command", ["worker", "replay", "topics"])
def test_unreachable_broker_is_named(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there: one line with the key and the address."""
    monkeypatch.setattr(clients, "CONNECT_MS", 500)
    (port,) = free_ports(1)
    files = [MEASUREMENTS] if command == "replay" else []
    environment = {"EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}", "EBBTIDE_WEB_PORT": str(free_ports(1)[0])}
    done = ebbtide(command, "--settings", FEEDS, *files, environment=environment)
    assert_fails(done, 1, f"kafka.bootstrap_servers 127.0.0.1:{port}: no Kafka broker answers")


def test_worker_names_a_port_in_use_and_a_directory_that_cannot_be(tmp_path: Path) -> None:
    """Before it looks for Kafka the worker says that its web page has no port; without feeds it has nothing to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = ebbtide("worker", "--settings", FEEDS, environment={"EBBTIDE_WEB_PORT": str(port)})
    assert_fails(done, 1, f"web.bind, web.port 127.0.0.1:{port}: cannot listen")
    assert_fails(ebbtide("worker", cwd=tmp_path), 2, "name no feeds")


@pytest.mark.kafka
def test_topics_are_checked_and_made(kafka: ApacheKafka, tmp_path: Path) -> None:
    """A missing topic and unlike partition counts are named; creating twice is the same as once."""
    environment = {
        "EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": kafka.address,
        "EBBTIDE_KAFKA_APP_ID": "cli",
        **{f"EBBTIDE_KAFKA_{name.upper()}": f"cli.{name}" for name in TOPIC_KEYS},
        "EBBTIDE_WEB_PORT": str(free_ports(1)[0]),
    }
    for command, *more in (("topics", "--check"), ("replay", str(MEASUREMENTS)), ("worker",)):
        done = ebbtide(command, "--settings", FEEDS, *more, environment=environment)
        assert_fails(done, 1, "topic cli.measurements does not exist", kafka.address)

    made = ebbtide("topics", "--settings", FEEDS, environment=environment)
    again = ebbtide("topics", "--settings", FEEDS, environment=environment)
    assert (made.returncode, again.returncode, made.stderr, again.stderr) == (0, 0, b"", b"")
    assert made.stdout.count(b"created cli.") == len(TOPIC_KEYS) + len(OWNED)
    assert again.stdout == b"all topics are there, 4 partitions of cli.measurements\n"
    assert ebbtide("topics", "--settings", FEEDS, "--check", environment=environment).returncode == 0

    kafka.create_topic("cli.clock2", 3)
    kafka.create_topic("cli.clock2.owner", 1)
    environment["EBBTIDE_KAFKA_CLOCK"] = "cli.clock2"
    done = ebbtide("worker", "--settings", FEEDS, environment=environment)
    assert_fails(done, 1, "topic cli.clock2 has 3 partitions, cli.measurements has 4")

    file = tmp_path / "file"
    file.touch()
    environment.update(EBBTIDE_KAFKA_CLOCK="cli.clock", EBBTIDE_WORKER_DATA_DIR=str(file / "state"))
    done = ebbtide("worker", "--settings", FEEDS, environment=environment)
    assert_fails(done, 2, f"worker.data_dir {file}/state: cannot be made")


@pytest.mark.kafka
def test_replay_of_a_missing_file(kafka: ApacheKafka, tmp_path: Path) -> None:
    """The file is named."""
    cluster = Cluster(kafka.address, "replay-missing", tmp_path)
    assert_fails(cluster.run("replay", tmp_path / "none"), 1, f"{tmp_path}/none: cannot be read")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["outges"], "invalid choice: 'outges': did you mean `outages`?"),
        (["outages", "--contry", "IR"], "unrecognized arguments: --contry IR: did you mean `--country`?"),
        (["outages", "--contry=IR"], "unrecognized arguments: --contry=IR: did you mean `--country`?"),
        (["incidents", "nte"], "invalid choice: 'nte': did you mean `note`?"),
        (["worker", "--log-level", "wrning"], "invalid choice: 'wrning': did you mean `warning`?"),
        (["--verson"], "unrecognized arguments: --verson: did you mean `--version`?"),
        (["--settings", "x.toml", "outages"], "--settings: options of a command stand after its name"),
    ],
)
def test_a_misspelt_word_is_answered_by_what_it_may_have_meant(words: list[str], hint: str) -> None:
    """Commands, what a command does, options and their values; the exit code is that of wrong use."""
    done = ebbtide(*words)
    assert done.returncode == 2
    assert done.stderr.decode().endswith(f"{hint}\n")


def test_a_word_that_is_near_nothing_is_answered_by_all_choices() -> None:
    """A guess would mislead."""
    assert b"invalid choice: 'xyzzy' (choose from 'demo', 'init'," in ebbtide("xyzzy").stderr
