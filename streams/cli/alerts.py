"""`ebbtide alerts`: deliver incidents and outages to receivers, or print or check what would be delivered."""

from __future__ import annotations

import secrets
import sys
import time
from argparse import ArgumentParser, Namespace
from urllib.parse import urlsplit

from streams.alerts.delivery_types import Job
from streams.alerts.endpoint import Endpoint, load_endpoint_of, new_key
from streams.alerts.run import load_endpoints, run_alerts, run_dry
from streams.alerts.sender import MessageSender, fault_of
from streams.alerts.trial import trial_items
from streams.cli.common import print_lines, settings_of
from streams.config.alerts import AlertsSettings
from streams.config.errors import EbbtideError, UsageError
from streams.config.meant import meant


class UndeliveredError(EbbtideError):
    """A receiver did not take a test message."""


class UnreachableReceiverError(EbbtideError):
    """A receiver does not answer."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("check", "test", "new-key"),
        help="check: only check the settings; test: send a receiver a test message; new-key: print a key for a webhook",
    )
    parser.add_argument("receiver", nargs="?", metavar="RECEIVER", help="with test: its name in the settings")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent; send and commit nothing")
    parser.add_argument("--once", action="store_true", help="end after the newest record")
    parser.add_argument("--reach", action="store_true", help="with check: also connect to each receiver")


def run(arguments: Namespace) -> None:
    """Deliver, print what would be delivered, or check."""
    is_check = arguments.action == "check"
    if (arguments.reach and not is_check) or (is_check and (arguments.dry_run or arguments.once)):
        raise UsageError("alerts check takes --reach, and neither --dry-run nor --once; alerts takes no --reach")
    if (arguments.action == "test") != (arguments.receiver is not None):
        raise UsageError("alerts test takes the name of a RECEIVER, and nothing else does")
    if arguments.action == "new-key":
        print_lines([new_key(secrets.token_bytes)])
        return
    settings = settings_of(arguments)
    if arguments.action == "test":
        test(settings.alerts, arguments.receiver, time.time())
        return
    if is_check:
        check(load_endpoints(settings.alerts), arguments.reach)
    elif arguments.dry_run:
        run_dry(settings, arguments.once)
    else:
        run_alerts(settings, arguments.once)


def test(alerts: AlertsSettings, name: str, now: float) -> None:
    """Send a receiver an incident of a test network, and its end. Raises UndeliveredError when it refuses one."""
    if name not in alerts.receivers:
        there = ", ".join(alerts.receivers) or "none"
        raise UsageError(f"no receiver {name!r}: there are {there}{meant(name, alerts.receivers)}")
    send = MessageSender(load_endpoint_of(alerts, name), alerts.link)
    for item in trial_items(name, now):
        outcome = send(Job([item], [], []))
        if outcome.result != "delivered":
            raise UndeliveredError(f"receiver {name}: {item.action}: {outcome.result}: {outcome.detail}")
        print_lines([f"{name}: {item.action}: delivered"])


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
