"""An operator's own body and headers of a webhook: Jinja2 in a sandbox, checked before the first message is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import htmlsafe_json_dumps

from schemas.notification import Subject
from streams.alerts.template_example import example
from streams.config.bounded_file import read_bounded
from streams.config.errors import InputError, SettingsError
from streams.config.receivers import MAX_TEMPLATE, Webhook
from streams.config.secret import Secret

JSON = "application/json"
MAX_BODY, MAX_HEADER = 1 << 20, 4096  # characters


class TemplateFaultError(Exception):
    """A template cannot be rendered. The text is one line, and holds no secret."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Refuses what makes a long text of a short one, and names that are not there."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Return the result of an operator, of numbers only. Raises SecurityError."""
        if not all(isinstance(value, int | float) for value in (left, right)) or operator == "**":
            raise SecurityError(f"`{operator}` is not allowed here")
        return super().call_binop(context, operator, left, right)


class Templates(NamedTuple):
    """The templates of a webhook. `body`: None for the notification as it is. `uses_token`: whether a header does."""

    body: Template | None
    headers: Mapping[str, Template]
    uses_token: bool


def load_templates(receiver: Webhook, where: str, subjects: Sequence[Subject]) -> Templates | None:
    """Return the templates of a webhook, None without any. Raises SettingsError with the key and what is wrong.

    Each is rendered once with an example of each subject, so that a wrong name is found before an incident begins.
    """
    text = _body_text(receiver, where)
    if text is None and not receiver.headers:
        return None
    sandbox = _Sandbox(undefined=StrictUndefined, keep_trailing_newline=False)
    sandbox.filters["tojson"] = _json
    body = (
        None if text is None else _compiled(sandbox, text, f"{where}.{'body_file' if receiver.body_file else 'body'}")
    )
    headers = {name: _compiled(sandbox, value, f"{where}.headers.{name}") for name, value in receiver.headers.items()}
    used = [meta.find_undeclared_variables(sandbox.parse(value)) for value in receiver.headers.values()]
    templates = Templates(body, headers, any("token" in names for names in used))
    _try(templates, where, subjects)
    return templates


def rendered_body(template: Template, values: Mapping[str, Any]) -> str:
    """Return a body. Raises TemplateFaultError."""
    return _rendered("body", template, values, MAX_BODY)


def rendered_headers(templates: Mapping[str, Template], values: Mapping[str, Any]) -> dict[str, Secret]:
    """Return headers, each of one line of ASCII. Raises TemplateFaultError."""
    found = {name: _rendered(f"headers.{name}", template, values, MAX_HEADER) for name, template in templates.items()}
    for name, text in found.items():
        if not text.isascii() or not text.isprintable():
            raise TemplateFaultError(f"headers.{name}: is not one line of ASCII: use the filter `urlencode`")
    return {name: Secret(text) for name, text in found.items()}


def _body_text(receiver: Webhook, where: str) -> str | None:
    if receiver.body_file is None:
        return receiver.body
    try:
        return read_bounded(Path(receiver.body_file), MAX_TEMPLATE).decode()
    except InputError as error:
        raise SettingsError(f"{where}.body_file: {error}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{where}.body_file {receiver.body_file}: is not UTF-8 text") from None


def _compiled(sandbox: _Sandbox, text: str, where: str) -> Template:
    try:
        return sandbox.from_string(text)
    except TemplateSyntaxError as error:
        raise SettingsError(f"{where}: line {error.lineno}: {error.message}") from None


def _try(templates: Templates, where: str, subjects: Sequence[Subject]) -> None:
    """Render examples. Raises SettingsError."""
    for values in map(example, subjects):
        try:
            headers = rendered_headers(templates.headers, {**values, "token": "x"})
            if templates.body is not None:
                demand_json(rendered_body(templates.body, values), headers)
        except TemplateFaultError as error:
            raise SettingsError(f"{where}.{error}, tried with {values['type']}") from None


def demand_json(body: str, headers: Mapping[str, Secret]) -> None:
    """Raise TemplateFaultError when a body is not JSON, unless a header says that it is something else."""
    kind = next((text.reveal() for name, text in headers.items() if name.lower() == "content-type"), JSON)
    if "json" not in kind.lower():
        return
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        hint = "write names as `{{ headline | tojson }}`, or say another Content-Type in `headers`"
        raise TemplateFaultError(f"body: is not JSON: {error.msg} at line {error.lineno}; {hint}") from None


def _json(value: Any) -> str:  # noqa: ANN401
    """Return a value as JSON. Raises UndefinedError for a name that is not there, which has no JSON."""
    if isinstance(value, StrictUndefined):
        str(value)
    return htmlsafe_json_dumps(value)


def _rendered(key: str, template: Template, values: Mapping[str, Any], limit: int) -> str:
    try:
        return "".join(_bounded(template.generate(values), limit))
    except TemplateError as error:
        raise TemplateFaultError(f"{key}: {error.message or type(error).__name__}") from None
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TemplateFaultError(f"{key}: {error}") from None


def _bounded(parts: Iterator[str], limit: int) -> Iterator[str]:
    """Yield parts of a text. Raises ValueError when they become longer than `limit` characters."""
    length = 0
    for part in parts:
        length += len(part)
        if length > limit:
            raise ValueError(f"is longer than {limit:,} characters")
        yield part
