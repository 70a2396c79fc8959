"""The reference of all settings, made from their types: key, type, default, and what each is for."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from streams.config.descriptions import TEXTS
from streams.config.durations import UNITS
from streams.config.secret import Secret
from streams.config.settings import ExpectedSettings, FeedSettings, Settings
from streams.config.types import Duration

HEAD = """# Settings

Made by `ebbtide settings reference` from the code. One TOML file, `ebbtide.toml` or what `--settings` names; each key
of a section also as `EBBTIDE_SECTION_KEY` in the environment, which wins: `EBBTIDE_KAFKA_PARTITIONS=16`,
`EBBTIDE_FEEDS_REACH_BIN=5m`. A key that is unknown is an error. Durations are texts such as "90s", "5m", "1h30m", "8w",
or numbers of seconds. Secrets are shown nowhere; each can come from a file. `ebbtide settings check` says what is
wrong, with file, line and key. Receivers and routes of alerts are in [alerts.md](alerts.md).
"""
TABLE = ("| key | type | default | what |", "|---|---|---|---|")
_WORDS = {str: "text", bool: "true or false", int: "number", float: "number", Duration: "duration", Secret: "secret"}


def reference() -> str:
    """Return the page."""
    sections = [(f"[{name}]", name, kind) for name, kind in _sections()]
    sections += [("[feeds.NAME]", "feeds.NAME", FeedSettings), ("[[calendar]]", "calendar", ExpectedSettings)]
    return HEAD + "".join(_section(*one) for one in sections)


def undescribed() -> set[str]:
    """Return the keys that have no text, and the texts that have no key."""
    sections: dict[str, type[msgspec.Struct]] = {
        **dict(_sections()),
        "feeds.NAME": FeedSettings,
        "calendar": ExpectedSettings,
    }
    keys = {f"{name}.{key}" for name, kind in sections.items() for key in kind.__struct_fields__}
    return keys ^ {f"{name}.{key}" for name, texts in TEXTS.items() for key in texts}


def _sections() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for name, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield name, kind


def _section(title: str, name: str, kind: type[msgspec.Struct]) -> str:
    about = " ".join(str(kind.__doc__).split("\n\n")[0].split())
    hints = get_type_hints(kind, include_extras=True)
    rows = [
        f"| `{field.name}` | {_words(hints[field.name])} | {_default(field)} | {TEXTS[name].get(field.name, '')} |"
        for field in msgspec.structs.fields(kind)
    ]
    return "\n".join(
        [f"\n## `{title}`\n", about, "", "| key | type | default | what |", "|---|---|---|---|", *rows, ""]
    )


def _words(kind: Any) -> str:  # noqa: ANN401
    """Say what may stand there."""
    if get_origin(kind) is Annotated:
        return _words(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(one) for one in get_args(kind) if one is not types.NoneType))
    if get_origin(kind) is tuple:
        return f"list of {_plural(_words(get_args(kind)[0]))}"
    return _WORDS.get(kind, "table")


def _plural(word: str) -> str:
    return word if word.startswith("`") else f"{word}s"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None or value in ((), {}, ""):
        return "–"
    return f"`{_written(value)}`" if not isinstance(value, msgspec.Struct) else "–"


def _written(value: object) -> str:
    """Return a value as it would stand in the file."""
    if isinstance(value, Duration):
        units = sorted(UNITS.items(), key=lambda unit: -unit[1])
        return next(f'"{value / size:g}{name}"' for name, size in units if (value / size).is_integer())
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return re.sub("'", '"', repr(value))
