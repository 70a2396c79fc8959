"""One reader of entities for every door."""

from __future__ import annotations

import pytest

from schemas.entities import entity_named


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        *((text, "asn/64515") for text in ("AS64515", "as64515", "asn/64515", "ASN/64515", "64515", "AS064515")),
        *((text, "asn/65546") for text in ("1.10", "AS1.10", "asn/1.10")),
        *((text, "country/IR") for text in ("IR", "ir", "country/IR", "country/ir", "Country/Ir")),
        *((text, "region/IR-30") for text in ("IR-30", "ir-30", "region/ir-30")),
        ("VE-Anzoátegui", "region/VE-Anzoátegui"),
        ("AS", "country/AS"),
    ],
)
def test_entities_are_understood(text: str, entity: str) -> None:
    """Networks with or without prefix, in any case and in asdot; countries and regions with or without their kind."""
    assert entity_named(text) == entity
    assert entity_named(entity) == entity


@pytest.mark.parametrize(
    "text",
    [
        *("", "Tehran", "IRN", "asn/IR", "country/IRN", "city/IR", "AS0", "AS4294967296", "1.65536", "1.2.3", "-1"),
        *("0x10", "1e3", "٦٤"),
        *("region/IR", "country/", "asn/", "/", "IR-", "İR"),
    ],
)
def test_what_is_no_entity(text: str) -> None:
    """One line with examples."""
    with pytest.raises(ValueError, match=r"is no entity, such as asn/43754 \(or AS43754\)") as caught:
        entity_named(text)
    assert str(caught.value).isprintable()
