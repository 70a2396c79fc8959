"""*Pipeline*: the state of Ebbtide itself: throughput, lag, rejected measurements and resources."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana.feeds import feeds
from deploy.grafana.parts import (
    GREEN,
    GREY,
    JOB,
    RED,
    AnyPanel,
    board,
    column,
    datasource,
    graph,
    job,
    now,
    number,
    over_time,
    steps,
    timeline,
)

EACH = "[$__rate_interval]"


def pipeline() -> dashboard.Dashboard:
    """Return the dashboard."""
    text = "Throughput, lag, delays, dead letters, memory and recovery of the workers, alerts delivered, and sources."
    builder = board("ebbtide-pipeline", "Ebbtide pipeline", text, [datasource(), job()])
    workers = (*_health(), *_processes(), feeds(7), *_flow(), *_troubles(), *_state())
    for content in (*workers, *_delivery(), *_sources(), *_services()):
        builder = builder.with_panel(content)
    return builder


def _rate(name: str, by: str) -> str:
    return f"sum by ({by}) (rate(ebbtide_{name}_total{{{JOB}}}{EACH}))"


def _quantile(share: float, name: str, by: str = "") -> str:
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({grouped}) (rate(ebbtide_{name}_bucket{{{JOB}}}{EACH})))"


def _health() -> list[AnyPanel]:
    lag = f"ebbtide_partition_lag_messages{{{JOB}}}"
    waits = "Messages in all partitions that no worker has read yet, and the partitions of which that is unknown."
    return [
        number("Ready workers", "Workers that are assigned, recovered and caught up.", "short", (6, 4))
        .thresholds(steps((0, RED), (1, GREEN)))
        .with_target(now(f"sum(ebbtide_ready{{{JOB}}} >= 0)", "ready")),
        number("Messages that wait", waits, "short", (6, 4))
        .thresholds(steps((0, GREEN), (1e6, RED)))
        .with_target(now(f"sum({lag} >= 0)", "waiting", "waiting"))
        .with_target(now(f"count({lag} != {lag}) > 0", "partitions of unknown lag", "unknown"))
        .override_by_query("unknown", column(color={"mode": "fixed", "fixedColor": GREY})),
        number("Series", "Series in the state of all feeds, of networks and areas.", "short", (6, 4))
        .thresholds(steps((1, GREEN)))
        .with_target(now(f"sum(ebbtide_series{{{JOB}}} >= 0)", "series")),
        number("Recovery", "Duration of the last recovery of the state, in the slowest worker.", "s", (6, 4))
        .thresholds(steps((0, GREEN), (30, RED)))
        .with_target(now(f"max(ebbtide_recovery_seconds{{{JOB}}} >= 0)", "recovery")),
    ]


def _processes() -> list[AnyPanel]:
    """Return what each process says of itself: what must be 1, and what must be 0."""
    good = timeline(
        "Processes", "1 while a process answers, is ready, and a source of it is connected.", "none", (12, 9)
    )
    good = good.thresholds(steps((0, RED), (1, GREEN)))
    answers = {
        "up": (f"max by (job, instance) (up{{{JOB}}})", "{{job}} {{instance}} answers"),
        "ready": (
            f"max by (job, instance) (ebbtide_ready{{{JOB}}} unless on (job, instance) ebbtide_standby{{{JOB}}} == 1)",
            "{{job}} {{instance}} ready",
        ),
        "alerts": (f"max by (job, instance) (ebbtide_alerts_ready{{{JOB}}})", "{{job}} {{instance}} ready"),
        "source": (f"max by (source) (ebbtide_source_up{{{JOB}}})", "source {{source}} connected"),
    }
    for ref, (expr, legend) in answers.items():
        good = good.with_target(over_time(expr, legend, ref))
    text = "What should be 0: refused partitions, a metadata file that cannot be read, and messages lost for good."
    bad = graph("Faults", text, "short", (12, 9))
    faults = {
        "refused": ("ebbtide_refusals", "{{instance}} refuses"),
        "metadata": ("ebbtide_metadata_broken", "{{instance}} metadata broken"),
        "lost": ("ebbtide_lost_messages_total", "{{instance}} lost"),
    }
    for ref, (name, legend) in faults.items():
        bad = bad.with_target(over_time(f"max by (instance) ({name}{{{JOB}}})", legend, ref))
    return [good, bad]


def _flow() -> list[AnyPanel]:
    """Return the panels of what is read, what of it counts, and how soon it is judged."""
    return [
        graph("Measurements", "Measurements read, and measurements put into bins in each feed.", "cps", (12, 8))
        .with_target(over_time(f"sum(rate(ebbtide_measurements_total{{{JOB}}}{EACH}))", "read", "read"))
        .with_target(over_time(_rate("measurements_binned", "feed"), "{{feed}} binned", "binned")),
        graph("Lag", "Messages not read yet, by partition.", "short", (12, 8)).with_target(
            over_time(f"sum by (partition) (ebbtide_partition_lag_messages{{{JOB}}})", "{{partition}}")
        ),
        graph("Late and rejected", "Measurements of bins that had closed, and dead letters by reason.", "cps", (12, 8))
        .with_target(over_time(_rate("measurements_late", "feed"), "{{feed}} late", "late"))
        .with_target(over_time(_rate("dead_letters", "reason"), "dead: {{reason}}", "dead")),
        _delay(),
    ]


def _delay() -> AnyPanel:
    """Return the panel of the delay of outages. Exemplars are of one target only, or each point would be twice."""
    text = (
        "From the end of a bin to its outages, including the lateness of the feed and the wait in Kafka. "
        "Each point is an outage: hover it for its page."
    )
    delay = graph("From the bin to the outage", text, "s", (12, 8))
    for share, exemplars in ((0.5, False), (0.99, True)):
        name = f"p{share * 100:g}"
        query = over_time(_quantile(share, "bin_to_event_seconds", "feed"), f"{{{{feed}}}} {name}", name)
        delay = delay.with_target(query.exemplar(exemplars))
    return delay


def _troubles() -> list[AnyPanel]:
    """Return the panels of what does not count, or waits."""
    late = _rate("measurements_late", "feed")
    too_late = "Share of the measurements of each feed that came after their bin had closed."
    unreadable = (
        "Records of the topics of outages and incidents that are neither, as each worker has met since its start."
    )
    misplaced = "Measurements in a partition to which the key of their network does not belong."
    transaction = f"max by (partition) (ebbtide_transaction_open_seconds{{{JOB}}})"
    waits = f"max by (feed, partition) (ebbtide_incidents_delay_seconds{{{JOB}}})"
    return [
        graph("Late share", too_late, "percentunit", (12, 8))
        .thresholds(steps((0, GREEN), (0.05, RED)))
        .with_target(over_time(f"{late} / ({late} + {_rate('measurements_binned', 'feed')} > 0)", "{{feed}}")),
        graph("Unreadable events", unreadable, "short", (12, 8))
        .thresholds(steps((0, GREEN), (1, RED)))
        .with_target(over_time(f"max by (instance) (ebbtide_events_unreadable_total{{{JOB}}})", "{{instance}}")),
        graph("Misplaced", misplaced, "cps", (12, 8)).with_target(
            over_time(_rate("measurements_misplaced", "feed"), "{{feed}}")
        ),
        graph("Held up", "Open transactions of producers, and what incidents wait for.", "s", (12, 8))
        .with_target(over_time(transaction, "transaction in partition {{partition}}", "transaction"))
        .with_target(over_time(waits, "incidents wait for {{feed}} in partition {{partition}}", "incidents")),
    ]


def _state() -> list[AnyPanel]:
    return [
        graph("Batches", "Time to process a batch of records.", "s", (8, 8))
        .with_target(over_time(_quantile(0.5, "batch_seconds"), "p50", "p50"))
        .with_target(over_time(_quantile(0.99, "batch_seconds"), "p99", "p99")),
        graph(
            "Open bins",
            "Bins not closed yet. They accumulate while the event time of a feed stands still.",
            "short",
            (8, 8),
        ).with_target(over_time(f"sum by (feed) (ebbtide_open_bins{{{JOB}}})", "{{feed}}")),
        graph("Snapshots", "Bytes of snapshots written to Kafka.", "Bps", (8, 8)).with_target(
            over_time(_rate("snapshot_bytes", "instance"), "{{instance}}")
        ),
        graph(
            "Limits",
            "Share of each limit of a feed in use, in the partition that uses most. From 1 on, what is new is refused.",
            "percentunit",
            (8, 8),
        ).with_target(over_time(f"max by (feed, limit) (ebbtide_limit_used_ratio{{{JOB}}})", "{{feed}} {{limit}}")),
        graph("Memory", "Resident memory of each worker.", "bytes", (8, 8)).with_target(
            over_time(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}")
        ),
        graph("Processor", "Cores that each worker uses.", "short", (8, 8)).with_target(
            over_time(f"rate(process_cpu_seconds_total{{{JOB}}}{EACH})", "{{instance}}")
        ),
    ]


def _delivery() -> list[AnyPanel]:
    """Return the panels of `ebbtide alerts`, which has a job of its own."""
    waits = "Revisions that wait for a receiver, retries too, and what quiet hours or a silence keep back."
    oldest = "Waiting time of the oldest revision that neither quiet hours nor a silence keep back."
    return [
        graph("Alerts delivered", "Revisions by result.", "cps", (6, 8)).with_target(
            over_time(
                f"sum by (receiver, result) (rate(ebbtide_alerts_delivered_total{{{JOB}}}{EACH}))",
                "{{receiver}} {{result}}",
            )
        ),
        graph("Alerts that wait", waits, "short", (6, 8))
        .with_target(over_time(f"sum by (receiver) (ebbtide_alerts_queue_length{{{JOB}}})", "{{receiver}}"))
        .with_target(over_time(f"sum by (receiver) (ebbtide_alerts_held{{{JOB}}})", "{{receiver}}, quiet hours"))
        .with_target(over_time(f"sum by (receiver) (ebbtide_alerts_silenced{{{JOB}}})", "{{receiver}}, silenced")),
        graph("Oldest alert that waits", oldest, "s", (6, 8)).with_target(
            over_time(f"max by (receiver) (ebbtide_alerts_oldest_pending_seconds{{{JOB}}})", "{{receiver}}")
        ),
        graph("Requests that failed", "By receiver and reason. Most are retried.", "cps", (6, 8)).with_target(
            over_time(
                f"sum by (receiver, reason) (rate(ebbtide_alerts_failures_total{{{JOB}}}{EACH}))",
                "{{receiver}} {{reason}}",
            )
        ),
    ]


def _sources() -> list[AnyPanel]:
    """Return the panels of `ebbtide source`, which has a job of its own."""
    age = "Time since the newest record of each source, and the time after which an alert says so."
    silence = f"time() - max by (source) (ebbtide_source_last_data_timestamp_seconds{{{JOB}}})"
    limit = f"max by (source) (ebbtide_source_silent_after_seconds{{{JOB}}})"
    unknown = "Networks and bins of which a source says nothing, since their exporters are silent."
    return [
        graph("Source records", "Records read, and records that fit no mapping.", "cps", (8, 8))
        .with_target(
            over_time(f"sum by (source) (rate(ebbtide_source_records_total{{{JOB}}}{EACH}))", "{{source}}", "records")
        )
        .with_target(
            over_time(
                f"sum by (source, reason) (rate(ebbtide_source_rejected_total{{{JOB}}}{EACH}))",
                "{{source}} rejected: {{reason}}",
                "rejected",
            )
        ),
        graph("Source silence", age, "s", (8, 8))
        .with_target(over_time(silence, "{{source}}", "silence"))
        .with_target(over_time(limit, "{{source}} limit", "limit"))
        .override_by_query("limit", column(custom_lineStyle={"fill": "dash", "dash": [6, 4]}, custom_fillOpacity=0)),
        graph("Source gaps", unknown, "cps", (8, 8))
        .with_target(
            over_time(
                f"sum by (source) (rate(ebbtide_source_unmeasured_total{{{JOB}}}{EACH}))", "{{source}}", "unmeasured"
            )
        )
        .with_target(
            over_time(
                f"sum by (source) (ebbtide_source_silent_exporters{{{JOB}}})", "{{source}} silent exporters", "silent"
            )
        ),
    ]


def _services() -> list[AnyPanel]:
    """Return the panels of sources that read services over the network."""
    lost = "Connections that broke, by reason, and values that a service does not know."
    age = "Wall time less the newest event time of each source."
    peers = "Peers of route collectors whose routes count, and how many must: with fewer all networks are unknown."
    return [
        graph("Source connections", lost, "cps", (8, 8))
        .with_target(
            over_time(
                f"sum by (source, reason) (rate(ebbtide_source_reconnects_total{{{JOB}}}{EACH}))",
                "{{source}} {{reason}}",
                "reconnects",
            )
        )
        .with_target(
            over_time(
                f"sum by (source) (rate(ebbtide_source_unknown_total{{{JOB}}}{EACH}))", "{{source}} unknown", "unknown"
            )
        ),
        graph("Source lag", age, "s", (8, 8)).with_target(
            over_time(f"time() - max by (source) (ebbtide_source_event_timestamp_seconds{{{JOB}}})", "{{source}}")
        ),
        graph("Source peers", peers, "none", (8, 8))
        .with_target(over_time(f"max by (source) (ebbtide_source_peers{{{JOB}}})", "{{source}}", "peers"))
        .with_target(over_time(f"max by (source) (ebbtide_source_least_peers{{{JOB}}})", "{{source}} least", "least"))
        .override_by_query("least", column(custom_lineStyle={"fill": "dash", "dash": [6, 4]}, custom_fillOpacity=0)),
    ]
