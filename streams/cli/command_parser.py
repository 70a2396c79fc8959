"""The parser of a command: options stand anywhere, and a misspelt word is answered by what it may have meant."""

from __future__ import annotations

from argparse import Action, ArgumentError, ArgumentParser
from collections.abc import Iterable, Sequence
from typing import Any

from streams.config.meant import meant


class CommandParser(ArgumentParser):
    """Takes options between positional arguments, where argparse alone reads one that may be left out as left out."""

    _is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - as in argparse
        """Parse arguments in any order; an unknown argument ends the program with the usage of the command."""
        if self._is_mixing:
            return super().parse_known_args(args, namespace)
        if self._subparsers is not None:
            self._demand_options(args or ())
            return super().parse_known_args(args, namespace)
        self._is_mixing = True  # the method below calls this one
        try:
            found, unknown = self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant_option(unknown)}")
        return found, unknown

    def _demand_options(self, words: Sequence[str]) -> None:
        """End the program for an unknown option before the command, which argparse would call a missing command."""
        first = next(iter(words), "")
        if first.startswith("-") and first not in self._option_string_actions:
            hint = self._meant_option([first]) or ": options of a command stand after its name"
            self.error(f"unrecognized arguments: {first}{hint}")

    def _meant_option(self, unknown: Iterable[str]) -> str:
        words = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        return meant(words[0], self._option_string_actions) if words else ""

    def _check_value(self, action: Action, value: Any) -> None:  # noqa: ANN401 - as in argparse
        try:
            super()._check_value(action, value)
        except ArgumentError:
            hint = meant(str(value), map(str, action.choices or ()))
            if not hint:
                raise
            raise ArgumentError(action, f"invalid choice: {value!r}{hint}") from None
