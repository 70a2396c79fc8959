"""`ebbtide alerts test`: one receiver gets an incident and its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli.main import main
from tests.streams.alerts.servers import Receiver


def settings(folder: Path, url: str) -> str:
    """Return the path of settings with the receiver `noc`."""
    file = folder / "e.toml"
    text = f'type = "slack"\nurl = "{url}/hook"\nallow_private = true\n'
    file.write_text(f'[alerts.receivers.noc]\n{text}[[alerts.routes]]\nreceivers = ["noc"]\n')
    return str(file)


def test_a_receiver_gets_a_test_and_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both messages say that they are a test, of a network that nobody has."""
    with Receiver() as receiver:
        assert main(["alerts", "test", "noc", "--settings", settings(tmp_path, receiver.url)]) == 0
    assert capsys.readouterr().out == "noc: opened: delivered\nnoc: ended: delivered\n"
    texts = [json.dumps(json.loads(got.body)) for got in receiver.got]
    assert len(texts) == 2
    assert all("AS64496" in text for text in texts)


def test_a_refusal_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The receiver, the message and the answer are named; the URL, which is a secret, is not."""
    with Receiver(403) as receiver:
        file = settings(tmp_path, receiver.url)
        assert main(["alerts", "test", "noc", "--settings", file]) == 1
        assert main(["alerts", "test", "nobody", "--settings", file]) == 2
        assert main(["alerts", "test", "--settings", file]) == 2
    first, second, _ = capsys.readouterr().err.splitlines()
    assert first == "ebbtide: receiver noc: opened: refused: HTTP 403: ok"
    assert second == "ebbtide: no receiver 'nobody': there are noc"
