"""Load settings: from the TOML file, then from `EBBTIDE_…` variables, which override it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import msgspec

from streams.config.bounded_file import read_bounded
from streams.config.errors import InputError, SettingsError
from streams.config.meant import meant
from streams.config.receivers import RECEIVER_TYPES
from streams.config.settings import FeedSettings, Settings, from_builtins, inner
from streams.config.source_types import SOURCE_TYPES

PREFIX = "EBBTIDE_"
# Tables of tables with names of the operator's, and what each may be.
_MANY: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "feeds": (FeedSettings,),
    "alerts.receivers": RECEIVER_TYPES,
    "sources": tuple(SOURCE_TYPES.values()),
}
MAX_SETTINGS = 1 << 20  # bytes
DEFAULT_SETTINGS = Path("ebbtide.toml")
# A password of digits is still a text, and one that looks like TOML is not TOML.
_LITERAL = ("_USERNAME", "_PASSWORD", "_TOKEN", "_URL", "_ROUTING_KEY", "_TOPIC", "_CHAT", "_ROOM", "_BODY")

_LISTS = ("_BOOTSTRAP_SERVERS", "_AREAS", "_METRICS_WATCH", "_KEYS", "_PATHS", "_SHARED", "_TO")
_ONE_OF = "EBBTIDE_KAFKA_KEYS"  # no list, as the keys of receivers are


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return checked settings. Raises SettingsError with one line that names the file, line and key."""
    text = _read(path) if path else ""
    values = _parse(text, path)
    return _checked(values, text, path, _overlay(values, environ))


class PlainValues(NamedTuple):
    """The text of a file, its values with those of the environment, and the variable that set each of them."""

    path: Path
    text: str
    values: dict[str, Any]
    overlaid: dict[str, str]

    def settings(self) -> Settings:
        """Return the settings. Raises SettingsError for the first fault."""
        return _checked(self.values, self.text, self.path, self.overlaid)


def read_values(path: Path, environ: Mapping[str, str]) -> tuple[PlainValues, list[str]]:
    """Return the plain values of a file and of the environment, and a line on each variable that is no setting."""
    text = _read(path)
    values, overlaid, faults = _parse(text, path), dict[str, str](), list[str]()
    for name in sorted(environ):
        try:
            overlaid |= _overlay(values, {name: environ[name]})
        except SettingsError as error:
            faults.append(str(error))
    return PlainValues(path, text, values, overlaid), faults


def _checked(values: dict[str, Any], text: str, path: Path | None, overlaid: Mapping[str, str]) -> Settings:
    try:
        return from_builtins(values)
    except (msgspec.ValidationError, ValueError) as error:
        raise _explained(str(error), text, path, overlaid) from None


def load_or_default(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, else of `ebbtide.toml` in the current folder if it exists, else the defaults."""
    return load(path or default_file(), environ)


def default_file() -> Path | None:
    """Return `ebbtide.toml` if it is in the current folder."""
    return DEFAULT_SETTINGS if DEFAULT_SETTINGS.exists() else None


def _read(path: Path) -> str:
    try:
        return read_bounded(path, MAX_SETTINGS).decode()
    except InputError as error:
        raise SettingsError(str(error)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None


def _parse(text: str, path: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+)", str(error))
        raise SettingsError(f"{path}{':' + line[1] if line else ''}: is not TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{path}: is not TOML of settings: it is nested too deeply") from None


def _sections() -> dict[str, list[str]]:
    """Return the keys of each plain section, by the section's name."""
    hints = get_type_hints(Settings)
    return {
        name: [field.name for field in msgspec.structs.fields(kind)]
        for name, kind in hints.items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }


def known_variables(values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return each environment variable that is read, with the path of the key that it sets."""
    found: dict[str, tuple[str, ...]] = {
        f"{section}_{key}": (section, key) for section, keys in _sections().items() for key in keys
    }
    for table, kinds in _MANY.items():
        for name in inner(values, table):
            for keys in (keys for kind in kinds for keys in _keys(kind)):
                path = (*table.split("."), name, *keys)
                found[re.sub("[^A-Za-z0-9]", "_", "_".join(path))] = path
    return {PREFIX + name.upper(): path for name, path in found.items()}


def _keys(kind: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of a table, and behind the name of a table in it those of that one."""
    for name, hint in get_type_hints(kind).items():
        yield (name,)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from ((name, *keys) for keys in _keys(hint))


def _overlay(values: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Override values of the file by variables; return which variable set which key."""
    overlaid = {}
    variables = known_variables(values)
    sections = tuple(f"{PREFIX}{name.upper()}_" for name in (*_sections(), "feeds", "sources"))
    for name in sorted(environ):
        if name in variables:
            _put(values, variables[name], _value(name, environ[name]))
            overlaid[".".join(variables[name])] = name
        elif name.startswith(sections):
            raise SettingsError(f"environment variable {name}: no such setting{meant(name, variables)}")
    return overlaid


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:  # noqa: ANN401
    for key in path[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            return  # the check of all values reports it
    values[path[-1]] = value


def _value(name: str, text: str) -> Any:  # noqa: ANN401
    """Return the value of a variable: a TOML value, else a text. Lists may be separated by commas."""
    if name.endswith(_LISTS) and name != _ONE_OF and not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    if name.endswith(_LITERAL):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explained(message: str, text: str, path: Path | None, overlaid: Mapping[str, str]) -> SettingsError:
    """Return a validation error as `file:line: key: fault`, or with the variable that is at fault."""
    fault, _, where = message.partition(" - at `$")
    keys = [key for key in re.split(r"[.\[\]`]+", where) if key]
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", fault)
    if unknown:
        keys, fault = [*keys, unknown[1]], "no such setting"
    fault += _hint(fault, keys)
    if ".".join(keys) in overlaid:
        return SettingsError(f"environment variable {overlaid['.'.join(keys)]}: {fault}", keys)
    line = _line_of(text, keys)
    place = f"{path or 'settings'}:{line}" if line else str(path or "settings")
    return SettingsError(f"{place}: {'.'.join(keys) + ': ' if keys else ''}{fault}", keys)


def _hint(fault: str, keys: list[str]) -> str:
    from streams.config.hints import hint  # which a command without a fault does without

    return hint(fault, keys)


def _line_of(text: str, keys: list[str]) -> int | None:
    """Return the line, from 1, on which a key of a table stands; None when it is not in the text."""
    lines = text.splitlines()
    for cut in range(len(keys), -1, -1):
        name = r"\s*\.\s*".join(f"[\"']?{re.escape(key)}[\"']?" for key in keys[:cut])
        table = re.compile(rf"\s*\[\[?\s*{name}\s*\]")
        starts = [n for n, line in enumerate(lines) if table.match(line)] if cut else [-1]
        for start in starts:
            found = _key_line(lines, start, keys[cut:])
            if found is not None:
                return found
        if keys[cut : cut + 1] and keys[cut].isdigit() and int(keys[cut]) < len(starts):  # one of an array of tables
            return _key_line(lines, starts[int(keys[cut])], keys[cut + 1 :]) or starts[int(keys[cut])] + 1
    return None


def _key_line(lines: list[str], start: int, keys: list[str]) -> int | None:
    if not keys:
        return start + 1 or None
    for n in range(start + 1, len(lines)):
        if lines[n].lstrip().startswith("["):
            return None
        if re.match(rf"\s*[\"']?{re.escape(keys[0])}[\"']?\s*[=.]", lines[n]):
            return n + 1
    return None
