"""Schemas of protobuf messages: what a .proto file says of one, and the class that decodes the fields that count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from streams.config.errors import UsageError

_SCALARS: Final = frozenset(
    {"bool", "bytes", "fixed32", "fixed64", "int32", "int64", "sfixed32", "sfixed64", "sint32", "sint64", "string"}
    | {"uint32", "uint64", "double", "float"}
)
_NAMED: Final = 12  # fields in an error


class ProtoField(NamedTuple):
    """The number of a field and its type, as a .proto file writes it: `uint32`, or `repeated uint32`."""

    number: int
    type: str


class ProtoMessage(NamedTuple):
    """The name of a message, and its fields by their names."""

    name: str
    fields: Mapping[str, ProtoField]

    def decoding(self, names: Iterable[str]) -> Any:  # noqa: ANN401
        """Return a class that decodes these fields, and skips others. Raises ValueError, and UsageError."""
        descriptors, pools, factory = _google()
        kinds = descriptors.FieldDescriptorProto
        file = descriptors.FileDescriptorProto(name="schema.proto", syntax="proto3")
        message = file.message_type.add(name=self.name)
        for name in names:
            number, kind = self._scalar(name)
            message.field.add(
                name=name, number=number, type=kinds.Type.Value(f"TYPE_{kind.upper()}"), label=kinds.LABEL_OPTIONAL
            )
        pool = pools.DescriptorPool()
        try:
            pool.Add(file)
        except TypeError as error:
            raise ValueError(" ".join(str(error).split())) from None
        return factory.GetMessageClass(pool.FindMessageTypeByName(self.name))

    def _scalar(self, name: str) -> ProtoField:
        if name not in self.fields:
            there = sorted(self.fields)
            more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
            raise ValueError(f"{self.name} has no field {name!r}; it has {', '.join(there[:_NAMED])}{more}")
        if (found := self.fields[name]).type not in _SCALARS:
            raise ValueError(f"field {name!r} of {self.name} is `{found.type}`, no single value")
        return found


def _google() -> tuple[Any, Any, Any]:
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise UsageError('flows in protobuf need the extra: pip install "ebbtide[protobuf]"') from None
    return descriptor_pb2, descriptor_pool, message_factory


def messages_of(text: str) -> dict[str, ProtoMessage]:
    """Return the messages of a .proto file that is proto3, by their names. Raises ValueError, and UsageError."""
    try:
        from antlr4.error.ErrorListener import ErrorListener
        from proto_schema_parser import ast
        from proto_schema_parser.parser import Parser
    except ImportError:
        raise UsageError('schemas of protobuf need the extra: pip install "ebbtide[protobuf]"') from None

    class Refusing(ErrorListener):  # type: ignore[misc]
        def syntaxError(self, _: Any, __: Any, line: int, column: int, text: str, ___: Any) -> None:  # noqa: ANN401, N802
            raise ValueError(f"line {line}, column {column}: {text:.80}")

    def refuse(recogniser: Any) -> None:  # noqa: ANN401
        recogniser.removeErrorListeners()
        recogniser.addErrorListener(Refusing())

    try:
        file = Parser(setup_lexer=refuse, setup_parser=refuse).parse(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if file.syntax != "proto3":
        raise ValueError(f"syntax {file.syntax or 'none'}, not proto3")
    return {
        found.name: ProtoMessage(
            found.name,
            {
                field.name: ProtoField(
                    field.number, f"{field.cardinality.lower()} {field.type}" if field.cardinality else field.type
                )
                for field in found.elements
                if isinstance(field, ast.Field)
            },
        )
        for found in file.file_elements
        if isinstance(found, ast.Message)
    }
