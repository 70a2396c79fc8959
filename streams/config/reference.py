"""The reference of all settings, made from their types: key, type, default and description of each."""

from __future__ import annotations

import re
import types
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from streams.config.durations import UNITS
from streams.config.limits import LimitsSettings
from streams.config.route_sources import RouteRules
from streams.config.secret import Secret
from streams.config.settings import ExpectedSettings, FeedSettings, Settings
from streams.config.source_types import SOURCE_TYPES
from streams.config.sources import Fields, FieldSource
from streams.config.types import Duration

HEAD = """# Settings

`ebbtide settings reference` prints this page. Settings stand in one TOML file: `ebbtide.toml`, or the file that
`--settings` names. The environment overrides the file: `EBBTIDE_KAFKA_PARTITIONS=16` sets `partitions` in `[kafka]`,
`EBBTIDE_FEEDS_REACH_BIN=5m` sets `bin` in `[feeds.reach]`. An unknown key is an error. A duration is a text such as
"90s", "5m", "1h30m" or "8w", or a number of seconds. Secrets are never shown, and each can come from a file. `ebbtide
settings check` names the first error with file, line and key. [alerts.md](alerts.md) describes receivers and routes,
[sources.md](sources.md) sources and their fields.
"""
TABLE = ("| key | type | default | what |", "|---|---|---|---|")
_WORDS = {
    str: "text",
    bool: "true or false",
    int: "number",
    float: "number",
    Duration: "duration",
    Secret: "secret",
    datetime: "date and time",
}


def reference() -> str:
    """Return the page, in Markdown."""
    return HEAD + "".join(_section(title, kind) for title, kind in sections().items())


def sections() -> dict[str, type[msgspec.Struct]]:
    """Return the tables of the settings file: the title of each, and its type."""
    plain = {f"[{name}]": kind for name, kind in get_type_hints(Settings).items() if _is_section(kind)}
    return {
        **plain,
        "[feeds.NAME]": FeedSettings,
        "[feeds.NAME.limits]": LimitsSettings,
        **{f'[sources.NAME] type = "{tag}"': kind for tag, kind in SOURCE_TYPES.items()},
        "[sources.NAME.routes]": RouteRules,
        "[sources.NAME.fields]": Fields,
        "[sources.NAME.fields.FIELD]": FieldSource,
        "[[calendar]]": ExpectedSettings,
    }


def description(hint: Any) -> str:  # noqa: ANN401
    """Return the description in a field's type; empty when it has none."""
    return next((meta.description for meta in getattr(hint, "__metadata__", ()) if meta.description), "")


def _is_section(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _section(title: str, kind: type[msgspec.Struct]) -> str:
    about = " ".join(str(kind.__doc__).split("\n\n")[0].split())
    hints = get_type_hints(kind, include_extras=True)
    rows = [
        f"| `{field.name}` | {_words(hints[field.name])} | {_default(field)} | {description(hints[field.name])} |"
        for field in msgspec.structs.fields(kind)
    ]
    return "\n".join([f"\n## `{title}`\n", about, "", *TABLE, *rows, ""])


def _words(kind: Any) -> str:  # noqa: ANN401
    """Return the type of a value in words."""
    if get_origin(kind) is Annotated:
        return _words(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(part) for part in get_args(kind) if part is not types.NoneType))
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
