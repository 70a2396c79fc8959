"""What `ebbtide alerts` does, once its arguments are known."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from urllib.parse import urlsplit

from streams.alerts.endpoint import Endpoint
from streams.alerts.run import endpoints, run_alerts, run_dry
from streams.alerts.sender import policy
from streams.config.errors import EbbtideError, UsageError
from streams.config.loader import load_or_default
from streams.http_client import UnreachableError, reach


class UnreachableReceiverError(EbbtideError):
    """A receiver does not answer."""


def add_arguments(one: ArgumentParser) -> None:
    """Add the arguments of the command."""
    one.add_argument("what", nargs="?", choices=("check",), help="check: only say whether the settings are right")
    one.add_argument("--dry-run", action="store_true", help="print what would be sent; send and commit nothing")
    one.add_argument("--once", action="store_true", help="end when all that is there has been told")
    one.add_argument("--reach", action="store_true", help="check: connect to each receiver, too")


def alerts(arguments: Namespace) -> None:
    """Deliver, or print what would be delivered, or check."""
    is_check = arguments.what == "check"
    if (arguments.reach and not is_check) or (is_check and (arguments.dry_run or arguments.once)):
        raise UsageError("--reach is of alerts check; --dry-run and --once are not")
    settings = load_or_default(arguments.settings, os.environ)
    if is_check:
        check(endpoints(settings.alerts), arguments.reach)
    elif arguments.dry_run:
        run_dry(settings, arguments.once)
    else:
        run_alerts(settings, arguments.once)


def check(found: dict[str, Endpoint], wants_reach: bool) -> None:
    """Print the receivers, by name, kind and host. Raises UnreachableReceiverError when one does not answer."""
    lost = []
    for name, one in found.items():
        answer = _reach(one) if wants_reach else None
        lost += [name] if answer else []
        kind, host = type(one.receiver).__name__.lower(), urlsplit(one.url.reveal()).hostname
        sys.stdout.write(f"{name}: {kind} at {host}{f': {answer}' if answer else ', reached' if wants_reach else ''}\n")
    if lost:
        raise UnreachableReceiverError(f"cannot be reached: {', '.join(lost)}")


def _reach(one: Endpoint) -> str | None:
    """Return why a receiver cannot be reached; None when it can."""
    try:
        reach(one.url.reveal(), policy(one))
    except UnreachableError as error:
        return str(error)
    return None
