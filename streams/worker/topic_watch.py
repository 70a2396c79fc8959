"""Watches the topics that stages read: more partitions, or a topic made anew, are noticed within seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Thread

from kafka.errors import KafkaError

from streams.broker.topics import REPARTITION, TopicState, connected, describe
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
    """Yield a line on each topic that is not what it was at the start. A topic that is not described is left out."""
    for name in [stage.topic_of(kafka) for stage in STAGES]:
        before, after = started.get(name), now.get(name)
        if before is None or after is None:
            continue
        if before.topic_id and after.topic_id and before.topic_id != after.topic_id:
            yield f"topic {name} was made anew while it was read: {RESET}"
        elif before.partitions != after.partitions:
            yield f"topic {name} has {after.partitions} partitions now and had {before.partitions}: {REPARTITION}"


def _watch(kafka: KafkaSettings, started: Mapping[str, TopicState], tell: Tell) -> None:
    while True:
        try:
            with connected(kafka) as client:
                while True:
                    for line in changes(kafka, started, describe(client, kafka)):
                        tell(line)
                    time.sleep(EVERY_SECONDS)
        except (EbbtideError, KafkaError, OSError):  # the consumer says so
            time.sleep(EVERY_SECONDS)
