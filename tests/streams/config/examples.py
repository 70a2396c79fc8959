"""Settings without an error, for the tests that change one thing in them."""

FEEDS = """\
[kafka]
partitions = 2

[feeds.atlas]
signal = "ripe-atlas"
kind = "presence"
bin = "5m"

[feeds."a.b"]
signal = "bgp"
kind = "gauge"
bin = 60
"""

ALERTS = """\
[alerts.receivers.noc]
type = "webhook"
url = "https://noc.example/hook"
keys = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]

[alerts.receivers.pager-1]
type = "pagerduty"
routing_key = "0123456789abcdef0123456789abcdef"

[[alerts.routes]]
receivers = ["noc"]
continue = true

[[alerts.routes]]
receivers = ["pager-1"]
severities = ["total"]
quiet = ["22:00-07:00"]
timezone = "Europe/Oslo"
"""
