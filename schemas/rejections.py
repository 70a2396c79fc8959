"""Reasons of dead letters: a closed set, each with its meaning."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import msgspec

Reason: TypeAlias = Literal[
    "empty",
    "too-large",
    "not-utf8",
    "not-json",
    "wrong-type",
    "missing-field",
    "out-of-range",
    "bad-time",
    "no-entity",
    "unknown-feed",
    "too-far-ahead",
    "bad-key",
    "no-key",
    "wrong-partition",
    "unusable",
    "too-many-series",
]

#: Every reason and its meaning in one line. The documentation lists them, and a metric has them as label.
REASONS: Final[dict[Reason, str]] = {
    "empty": "the message has no value: null, no bytes, or white space only",
    "too-large": "more than 1 MiB, more than 10,000 measurements in an array, or nested deeper than 64 levels",
    "not-utf8": "the bytes are not UTF-8",
    "not-json": "the text is not JSON (NaN and Infinity are not)",
    "wrong-type": "the message or a field is of another JSON type than its rule says",
    "missing-field": "`feed` or `ts` is missing",
    "out-of-range": "a field breaks its rule: bounds, length, form, enumeration, or `of` below `value`",
    "bad-time": "`ts` is no RFC 3339 time with an offset, or lies outside the years 1970 to 9999",
    "no-entity": "none of `asn`, `region` and `country` is there",
    "unknown-feed": "no feed of that name is configured",
    "too-far-ahead": "the event time is further ahead of the receive time than the feed allows",
    "bad-key": "the key is not UTF-8",
    "no-key": "the message has no key, so that its network may be in any partition",
    "wrong-partition": "the key of the entity belongs to another partition, and `kafka.keys` is `strict`",
    "unusable": "the feed's kind needs a field that is not there, such as `member` or `up`",
    "too-many-series": "its series, service or member would be new, and the feed has as many as its `limits` allow",
}
assert tuple(REASONS) == get_args(Reason)

#: Why a revision did not reach a receiver, and what each reason means.
AlertReason: TypeAlias = Literal["gave-up", "refused", "gone", "redirected", "address", "queue-full", "not-a-message"]
ALERT_REASONS: Final[dict[AlertReason, str]] = {
    "gave-up": "it could not be delivered in time; the detail is the last failure",
    "refused": "the receiver answered that it does not take it",
    "gone": "the receiver answered 410: it wants nothing any more",
    "redirected": "the receiver answered that it is elsewhere, and no redirection is followed",
    "address": "the receiver's name leads to a private address, which is not allowed",
    "queue-full": "too many waited for the receiver",
    "not-a-message": "the message is no incident or outage; it was for no receiver yet",
}
assert tuple(ALERT_REASONS) == get_args(AlertReason)

DETAIL_LENGTH: Final = 200


class RejectedError(Exception):
    """A message, or an element of an array, is invalid and becomes a dead letter."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = one_line(detail)


def printable(text: str) -> str:
    """Return the text with everything unprintable escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def json_line(text: bytes) -> bytes:
    r"""Return a JSON text of one line in which everything unprintable is escaped: no terminal or log acts on it.

    >>> json_line('["\x9b2J"]'.encode())
    b'["\\u009b2J"]'
    """
    shown = text.decode()
    if shown.isprintable():
        return text
    return "".join(c if c.isprintable() else json_escape(c) for c in shown).encode()


def json_escape(character: str) -> str:
    """Return a character as JSON escapes it: a code, or two beyond the first 65,536."""
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def one_line(text: str) -> str:
    """Return the text with everything unprintable escaped, cut to 200 characters."""
    text = printable(text[: DETAIL_LENGTH + 1])
    return text if len(text) <= DETAIL_LENGTH else text[: DETAIL_LENGTH - 1] + "…"


def reason_of(error: msgspec.DecodeError) -> Reason:
    """Return the reason of an error of msgspec by its text, since msgspec has one class for all broken rules."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return "not-json"
    if text.startswith("Object missing required field"):
        return "missing-field"
    if ", got `" in text:
        return "wrong-type"
    return "bad-time" if text.endswith("`$.ts`") else "out-of-range"
