"""`ebbtide alerts`: deliver incidents and outages to receivers, or print or check what would be delivered."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from urllib.parse import urlsplit

from streams.alerts.endpoint import Endpoint
from streams.alerts.run import load_endpoints, run_alerts, run_dry
from streams.alerts.sender import request_policy
from streams.cli.common import settings_of
from streams.config.errors import EbbtideError, UsageError
from streams.http_client import UnreachableError, reach


class UnreachableReceiverError(EbbtideError):
    """A receiver does not answer."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("action", nargs="?", choices=("check",), help="check: only check the settings")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent; send and commit nothing")
    parser.add_argument("--once", action="store_true", help="end after the newest record")
    parser.add_argument("--reach", action="store_true", help="with check: also connect to each receiver")


def run(arguments: Namespace) -> None:
    """Deliver, print what would be delivered, or check."""
    is_check = arguments.action == "check"
    if (arguments.reach and not is_check) or (is_check and (arguments.dry_run or arguments.once)):
        raise UsageError("alerts check takes --reach, and neither --dry-run nor --once; alerts takes no --reach")
    settings = settings_of(arguments)
    if is_check:
        check(load_endpoints(settings.alerts), arguments.reach)
    elif arguments.dry_run:
        run_dry(settings, arguments.once)
    else:
        run_alerts(settings, arguments.once)


def check(endpoints: dict[str, Endpoint], wants_reach: bool) -> None:
    """Print the receivers, by name, kind and host. Raises UnreachableReceiverError when one does not answer."""
    unreachable = []
    for name, endpoint in endpoints.items():
        fault = fault_of(endpoint) if wants_reach else None
        unreachable += [name] if fault else []
        kind, host = type(endpoint.receiver).__name__.lower(), urlsplit(endpoint.url.reveal()).hostname
        sys.stdout.write(f"{name}: {kind} at {host}{f': {fault}' if fault else ', reached' if wants_reach else ''}\n")
    if unreachable:
        raise UnreachableReceiverError(f"cannot be reached: {', '.join(unreachable)}")


def fault_of(endpoint: Endpoint) -> str | None:
    """Return why a receiver cannot be reached; None when it can."""
    try:
        reach(endpoint.url.reveal(), request_policy(endpoint))
    except UnreachableError as error:
        return str(error)
    return None
