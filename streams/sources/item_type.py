"""The type of a record's JSON object, made of the paths that a mapping names, so that nothing else is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec

Tree: TypeAlias = dict[str, "Tree"]
Getter: TypeAlias = Callable[[Any], Any]
#: What a field may be: a container is no value of a field.
VALUE = int | float | str | bool | None


class ItemType(NamedTuple):
    """A struct with the fields that a mapping needs, and for each path a function that reads it (None: absent)."""

    struct: type[msgspec.Struct]
    getters: Mapping[str, Getter]


def item_type(paths: Iterable[str], is_flat: bool) -> ItemType:
    """Return the type for these paths. A dot leads into an object, unless `is_flat` (the columns of a table)."""
    split = {path: (path,) if is_flat else tuple(path.split(".")) for path in paths}
    tree: Tree = {}
    for names in split.values():
        branch = tree
        for name in names:
            branch = branch.setdefault(name, {})
    struct = _struct(tree, "Item")
    return ItemType(struct, {path: _getter(tree, names) for path, names in split.items()})


def _struct(tree: Tree, title: str) -> type[msgspec.Struct]:
    """Return a struct whose attributes are a0, a1 … in the order of the tree, since names of JSON may be anything."""
    fields, rename = [], {}
    for at, (name, inner) in enumerate(tree.items()):
        hint: Any = (_struct(inner, f"{title}{at}") | VALUE) if inner else VALUE
        fields.append((f"a{at}", hint, None))
        rename[f"a{at}"] = name
    return msgspec.defstruct(title, fields, rename=rename, gc=False)


def _getter(tree: Tree, names: tuple[str, ...]) -> Getter:
    attributes = []
    for name in names:
        attributes.append(f"a{list(tree).index(name)}")
        tree = tree[name]
    if len(attributes) == 1 and not tree:
        return attrgetter(attributes[0])
    return _inner_getter(tuple(attributes))


def _inner_getter(attributes: tuple[str, ...]) -> Getter:
    def get(item: Any) -> Any:  # noqa: ANN401
        for attribute in attributes:
            item = getattr(item, attribute, None)
        return None if isinstance(item, msgspec.Struct) else item

    return get
