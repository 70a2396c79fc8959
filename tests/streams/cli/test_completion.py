"""Examples in the help, and scripts of completion."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from streams.cli.completion import SHELLS, words_of
from streams.cli.examples import EXAMPLES
from streams.cli.main import COMMANDS, parser
from tests.ebbtide import ebbtide


def test_each_command_has_examples_that_parse() -> None:
    """They stand in the help, with the exit codes, and the parser takes them."""
    assert set(EXAMPLES) == set(COMMANDS)
    whole = parser()
    for command, examples in EXAMPLES.items():
        shown = ebbtide(command, "--help").stdout.decode()
        assert "exit codes: 0 done, 1 failed, 2 wrong use" in shown
        for example in examples:
            assert example in shown
            whole.parse_args(shlex.split(example.partition(" >")[0])[1:])


def test_words_are_options_and_choices() -> None:
    """Each command has its options, and what its positional argument may be."""
    words = words_of(parser())
    assert list(words) == list(COMMANDS)
    assert {"--as-is", "--incidents", "--settings", "--help"} <= set(words["detect"])
    assert {"export", "import", "reset", "--force"} <= set(words["state"])
    assert {"add", "list", "remove", "import"} <= set(words["calendar"])


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_of_their_shell(shell: str) -> None:
    """A shell that is here finds no fault in the syntax; each script has the options of each command."""
    script = ebbtide("completion", shell).stdout.decode()
    assert "as-is" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)


def test_bash_completes() -> None:
    """Commands first, then the options of the command."""
    if not shutil.which("bash"):
        pytest.skip("no bash")
    script = ebbtide("completion", "bash").stdout.decode()
    ask = '\nCOMP_WORDS=(ebbtide {}); COMP_CWORD={}; _ebbtide; echo "${{COMPREPLY[@]}}"\n'
    asked = ask.format("de", 1) + ask.format("detect --as", 2) + ask.format("state im", 2)
    done = subprocess.run(["bash"], input=script + asked, text=True, check=True, capture_output=True)
    assert done.stdout.split() == [*(word for word in COMMANDS if word.startswith("de")), "--as-is", "import"]
