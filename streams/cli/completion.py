"""`ebbtide completion bash|zsh|fish`: a script by which a shell completes commands, options and their choices."""

from __future__ import annotations

import shlex
from argparse import Action, ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator, Mapping

from streams.cli.common import print_lines

SHELLS = ("bash", "zsh", "fish")
BASH = """\
_ebbtide() {{
    local words
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) words={commands} ;;
    esac
    [ "$COMP_CWORD" -eq 1 ] && words={commands}
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _ebbtide ebbtide"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")


def run(arguments: Namespace) -> None:
    """Print the script."""
    from streams.cli.main import COMMANDS, parser

    print_lines(script(arguments.shell, words_of(parser()), COMMANDS).splitlines())


def words_of(parser: ArgumentParser) -> dict[str, list[str]]:
    """Return the options and choices of each command, in the order of the commands."""
    (commands,) = (action for action in parser._actions if isinstance(action, _SubParsersAction))
    return {name: sorted(set(_words(subparser))) for name, subparser in commands.choices.items()}


def _words(parser: ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from (option for option in action.option_strings if option.startswith("--"))
        yield from _choices(action)


def _choices(action: Action) -> Iterator[str]:
    """Yield what a positional argument may be; options have values of their own, which are not completed."""
    if not action.option_strings and action.choices is not None:
        yield from map(str, action.choices)


def script(shell: str, words: Mapping[str, list[str]], texts: Mapping[str, str]) -> str:
    """Return the script of a shell from the words of each command, and what each command does."""
    if shell == "fish":
        return "\n".join(_fish(words, texts))
    cases = "\n".join(f"        {name}) words={shlex.quote(' '.join(found))} ;;" for name, found in words.items())
    bash = BASH.format(cases=cases, commands=shlex.quote(" ".join(words)))
    return bash if shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{bash}"


def _fish(words: Mapping[str, list[str]], texts: Mapping[str, str]) -> Iterator[str]:
    for name, found in words.items():
        text = shlex.quote(texts[name]).replace("'\"'\"'", "\\'")
        yield f"complete -c ebbtide -n __fish_use_subcommand -a {name} -d {text}"
        seen = f"'__fish_seen_subcommand_from {name}'"
        for word in found:
            yield f"complete -c ebbtide -n {seen} " + (f"-l {word[2:]}" if word.startswith("--") else f"-a {word}")
