"""The measurement and the entity that it names."""

from __future__ import annotations

import pytest

from schemas import measurement as module
from schemas.measurement import COUNTRIES, Measurement, entity_of, is_region


def test_the_finest_entity_wins() -> None:
    """An ASN names the entity before a region, and a region before a country."""
    assert entity_of(Measurement("bgp", 1, asn=44244, region="IR-30", country="IR")) == "asn/44244"
    assert entity_of(Measurement("bgp", 1, region="IR-30", country="IR")) == "region/IR-30"
    assert entity_of(Measurement("bgp", 1, country="IR")) == "country/IR"


def test_no_entity() -> None:
    """A measurement of nothing has no entity, and says so."""
    with pytest.raises(ValueError, match="one of asn, region, country"):
        entity_of(Measurement("bgp", 1))


def test_country_codes_are_two_capitals() -> None:
    """All pairs of capital letters are there, once."""
    assert len(set(COUNTRIES)) == 676
    assert {"IR", "KZ", "XK", "ZZ"} <= set(COUNTRIES)
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in COUNTRIES)


@pytest.mark.parametrize("name", ["IR-30", "VE-Anzoátegui", "US-Arkansas-St. Francis", "CN-新疆", "AA-😀", "GB-ENG"])
def test_regions(name: str) -> None:
    """ISO 3166-2 codes and names in any script are regions, the first time and the next."""
    assert is_region(name)
    assert is_region(name)


@pytest.mark.parametrize(
    "name", ["", "IR", "IR-", "ir-30", "IR30", "I-30", "IR-30\n", "IR-\t", "IR-\x7f", "IR-\u202e", "IR-\u200b", "Ä-1"]
)
def test_no_regions(name: str) -> None:
    """Names without a country's code, or with anything that does not print, are none."""
    assert not is_region(name)


def test_known_regions_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many regions come by, only so many are remembered, and the answers stay right."""
    monkeypatch.setattr(module, "_MAX_REGIONS", 10)
    module.VALID_REGIONS.clear()
    assert all(is_region(f"IR-{number}") for number in range(100))
    assert len(module.VALID_REGIONS) <= 10
    assert not is_region("IR-")
