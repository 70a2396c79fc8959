"""Watches the topics of a worker: more partitions, a topic made anew or deleted are noticed within seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Thread

from kafka.errors import KafkaError

from streams.broker.topics import REPARTITION, TopicState, connected, describe, wanted
from streams.config.errors import EbbtideError
from streams.config.settings import KafkaSettings
from streams.state.all_stages import STAGES
from streams.state.log_check import RESET

EVERY_SECONDS = 5.0
SLOW_LOG = logging.getLogger("kafka.net.selector")
Tell = Callable[[str], None]


def start(kafka: KafkaSettings, started: Mapping[str, TopicState], tell: Tell) -> None:
    """Look at the topics until the process ends, in a thread of its own; `tell` gets a line on what has changed."""
    SLOW_LOG.setLevel(logging.ERROR)  # it warns of a busy process, as a worker with a backlog is
    Thread(target=_watch, args=(kafka, started, tell), name="topics", daemon=True).start()


def changes(kafka: KafkaSettings, started: Mapping[str, TopicState], now: Mapping[str, TopicState]) -> Iterator[str]:
    """Yield a line on each topic that is not what it was at the start. A topic without an answer is left out."""
    for name in [stage.topic_of(kafka) for stage in STAGES]:
        before, after = started.get(name), now.get(name)
        if before is None or after is None or not after.partitions:
            continue
        if before.topic_id and after.topic_id and before.topic_id != after.topic_id:
            yield f"topic {name} was made anew while it was read: {RESET}"
        elif before.partitions != after.partitions:
            yield f"topic {name} has {after.partitions} partitions now and had {before.partitions}: {REPARTITION}"


def deleted(kafka: KafkaSettings, *looks: Mapping[str, TopicState]) -> Iterator[str]:
    """Yield a line on each topic of a worker that was there at the first look and at none after it."""
    start, *later = looks
    for topic in wanted(kafka):
        before, *after = (look.get(topic.name) for look in (start, *later))
        if before and before.partitions and all(state and not state.partitions for state in after):
            yield f"topic {topic.name} was deleted: create it with `ebbtide topics` and start the worker again"


def _watch(kafka: KafkaSettings, started: Mapping[str, TopicState], tell: Tell) -> None:
    while True:
        try:
            with connected(kafka) as client:
                now = started
                while True:
                    before, now = now, describe(client, kafka)
                    # Twice: a topic that is being made anew is gone for a moment.
                    for line in (*changes(kafka, started, now), *deleted(kafka, started, before, now)):
                        tell(line)
                    time.sleep(EVERY_SECONDS)
        except (EbbtideError, KafkaError, OSError):  # the consumer says so
            time.sleep(EVERY_SECONDS)
