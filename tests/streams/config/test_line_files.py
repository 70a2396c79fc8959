"""Files of measurements: plain, gzip, standard input, and one clear line when one cannot be read."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.config import line_files
from streams.config.errors import InputError
from streams.config.line_files import read_chunks, read_lines

TEXT = b'\n{"a":1}\r\n\r\n  \n{"b":2}\n\t{"c":3} '
LINES = [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_without_ends_and_blank_ones(tmp_path: Path, zipped: bool) -> None:
    """LF or CRLF, plain or gzip whatever the name says, the last line with or without an end."""
    path = tmp_path / "measurements.txt"
    path.write_bytes(gzip.compress(TEXT) if zipped else TEXT)
    assert list(read_lines(str(path))) == LINES


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    """`-` reads it, gzip too; it is not closed, so that naming it twice is no failure."""
    stream = io.BufferedReader(io.BytesIO(gzip.compress(TEXT) if zipped else TEXT))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    assert list(read_lines("-")) == LINES
    assert list(read_lines("-")) == []


@pytest.mark.parametrize("zipped", [False, True])
def test_a_pipe_is_read_once_from_its_start(tmp_path: Path, zipped: bool) -> None:
    """What `<(zcat FILE)` gives: it cannot be opened twice."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = gzip.compress(TEXT) if zipped else TEXT
    writer = threading.Thread(target=lambda: pipe.write_bytes(data))
    writer.start()
    assert list(read_lines(str(pipe))) == LINES
    writer.join()


def test_lines_of_standard_input_come_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that runs for days is read as it prints: each line is there before the next one is written."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
        os.write(writer, b"one\n\ntw")
        chunks = read_chunks(["-"])
        assert next(chunks) == [b"one"]
        os.write(writer, b"o\r\n")
        assert next(chunks) == [b"two"]
        os.write(writer, b"three")
        os.close(writer)
        assert list(chunks) == [[b"three"]]


@pytest.mark.parametrize("content", [b"1234567890\nx\n", b"x\n1234567890"])
def test_a_long_line_of_standard_input_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """With an end or without one, as in a file."""
    monkeypatch.setattr(line_files, "MAX_LINE", 10)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(content))))
    with pytest.raises(InputError, match=r"^-: has a line of more than 10 bytes$"):
        list(read_chunks(["-"]))


def test_chunks_run_over_files(tmp_path: Path) -> None:
    """All files one after the other, in lists of a size."""
    names = []
    for number in range(3):
        names.append(str(tmp_path / str(number)))
        Path(names[-1]).write_bytes(b"".join(b"%d%d\n" % (number, n) for n in range(3)))
    chunks = list(read_chunks(names, 4))
    assert [len(chunk) for chunk in chunks] == [4, 4, 1]
    assert [line for chunk in chunks for line in chunk] == [b"%d%d" % (a, b) for a in range(3) for b in range(3)]


def test_empty_files_hold_nothing(tmp_path: Path) -> None:
    """No line, no failure."""
    (tmp_path / "empty").touch()
    assert list(read_chunks([str(tmp_path / "empty")])) == []


@pytest.mark.parametrize(
    "content", [gzip.compress(TEXT * 99, mtime=0)[:-12], b"\x1f\x8bno", gzip.compress(TEXT, mtime=0)[:-8] + bytes(8)]
)
def test_a_broken_gzip_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Cut short, no gzip behind its first bytes, a wrong checksum."""
    path = tmp_path / "broken.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_lines(str(path)))
    assert str(caught.value).startswith(f"{path}: cannot be read: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    """Each names the file and why."""
    with pytest.raises(InputError, match=r"nothere: cannot be read: No such file"):
        list(read_lines(str(tmp_path / "nothere")))
    with pytest.raises(InputError, match=r"cannot be read: Is a directory"):
        list(read_lines(str(tmp_path)))


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is none of ours does not fill the memory; a line up to the limit is read."""
    monkeypatch.setattr(line_files, "MAX_LINE", 10)
    (tmp_path / "a").write_bytes(b"123456789\n\n12345678\n1234567890")
    with pytest.raises(InputError, match="a: has a line of more than 10 bytes"):
        list(line_files.read_lines(str(tmp_path / "a")))
    (tmp_path / "a").write_bytes(b"123456789\n\n12345678\n123456789")
    assert list(line_files.read_lines(str(tmp_path / "a"))) == [b"123456789", b"12345678", b"123456789"]
