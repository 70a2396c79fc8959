"""Networks by country: real numbers and places, invented sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.measurement import Access
from streams.evaluation.simulate.world import Line

Sizes = Mapping[int, float]
#: Hours ahead of UTC, and the days of the weekend (Monday is 0).
LOCAL: dict[str, tuple[float, tuple[int, ...]]] = {
    "AM": (4, (5, 6)),
    "AZ": (4, (5, 6)),
    "CN": (8, (5, 6)),
    "DE": (1, (5, 6)),
    "GE": (4, (5, 6)),
    "IQ": (3, (4, 5)),
    "IR": (3.5, (3, 4)),
    "JO": (2, (4, 5)),
    "KG": (6, (5, 6)),
    "KZ": (6, (5, 6)),
    "MM": (6.5, (5, 6)),
    "MN": (8, (5, 6)),
    "PK": (5, (5, 6)),
    "RU": (3, (5, 6)),
    "TH": (7, (5, 6)),
    "TR": (3, (5, 6)),
    "UZ": (5, (5, 6)),
}
MOBILE: dict[str, Sizes] = {
    "AM": {43733: 40, 44395: 30},
    "AZ": {31721: 120, 199731: 80, 39232: 30},
    "CN": {9808: 900, 17816: 300},
    "DE": {12638: 150, 3209: 200},
    "GE": {20771: 40, 16010: 60},
    "IQ": {21277: 60, 51684: 80, 48492: 50},
    "IR": {197207: 300, 44244: 250, 57218: 50},
    "JO": {48832: 60, 9038: 40},
    "KG": {47139: 30, 50223: 20},
    "KZ": {29355: 120, 21299: 90, 48503: 60},
    "MM": {133385: 90, 132167: 110, 133524: 70},
    "MN": {55805: 25, 17882: 20},
    "PK": {45669: 120, 24499: 90},
    "RU": {31133: 200, 8359: 250},
    "TH": {131445: 200, 9587: 120},
    "TR": {16135: 180, 15897: 120},
    "UZ": {31203: 40, 39032: 30},
}
FIXED: dict[str, Sizes] = {
    "AM": {12297: 30, 49800: 25},
    "AZ": {29049: 100, 28787: 80, 34170: 60, 57293: 15},
    "CN": {4134: 1000, 4837: 700, 4538: 100},
    "DE": {3320: 300, 6805: 80},
    "GE": {35805: 50, 34797: 15},
    "IQ": {203214: 80, 50710: 90, 199739: 30, 208293: 10, 59588: 25},
    "IR": {
        58224: 220,
        31549: 80,
        16322: 60,
        43754: 60,
        12880: 90,
        42337: 30,
        25124: 20,
        50810: 40,
        24631: 15,
        39501: 15,
        34918: 20,
        41881: 10,
        56402: 30,
        39308: 8,
    },
    "JO": {8376: 60, 8697: 30},
    "KG": {8449: 25, 12997: 20},
    "KZ": {9198: 220, 41798: 40, 35104: 20},
    "MM": {9988: 60, 18399: 20, 136255: 40, 58952: 25},
    "MN": {9484: 20, 38818: 10},
    "PK": {17557: 150, 9541: 50},
    "RU": {12389: 300, 8402: 150},
    "TH": {7470: 150, 23969: 120},
    "TR": {9121: 250, 34984: 90},
    "UZ": {8193: 50, 12365: 15},
}
Shares = Mapping[str, float]
#: Provinces of Iran and what of each network is there.
IRAN: Shares = {
    "IR-23": 0.30,
    "IR-09": 0.14,
    "IR-10": 0.12,
    "IR-07": 0.12,
    "IR-06": 0.12,
    "IR-30": 0.08,
    "IR-12": 0.06,
    "IR-19": 0.06,
}
#: Kazakhstan, and the one city beside its region of Mangystau.
KAZAKHSTAN: Shares = {
    "KZ-75": 0.30,
    "KZ-71": 0.22,
    "KZ-79": 0.14,
    "KZ-35": 0.14,
    "KZ-23": 0.10,
    "KZ-47": 0.07,
    "KZ-Zhanaozen": 0.03,
}
CHINA: Shares = {
    "CN-GD": 0.24,
    "CN-ZJ": 0.16,
    "CN-SC": 0.16,
    "CN-SH": 0.14,
    "CN-BJ": 0.12,
    "CN-SN": 0.08,
    "CN-XJ": 0.06,
    "CN-GS": 0.04,
}


def countries(*codes: str) -> tuple[Line, ...]:
    """Return the lines of whole countries, each network in one piece."""
    return tuple(line for code in codes for line in _lines(code))


def provinces(code: str, shares: Shares) -> tuple[Line, ...]:
    """Return the lines of a country, each network in as many pieces as there are provinces."""
    return tuple(
        line._replace(region=region, size=line.size * share)
        for line in _lines(code)
        for region, share in shares.items()
    )


def _lines(code: str) -> Iterator[Line]:
    networks: tuple[tuple[Access, Sizes], ...] = (("mobile", MOBILE[code]), ("fixed", FIXED[code]))
    return (Line(asn, code, access, size) for access, sizes in networks for asn, size in sizes.items())
