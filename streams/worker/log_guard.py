"""Which partitions this worker refuses: the log does not go on where the state ends, or a snapshot was not written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.rejections import one_line
from streams.broker.topics import changelog
from streams.config.settings import Settings
from streams.state.log_check import Break, LogEnds, break_of, start_of
from streams.state.stage import Stage
from streams.worker.metrics import Metrics

log = logging.getLogger(__name__)


class LogGuard:
    """Refuses partitions: they are not read, their state does not change, and the worker is not ready.

    `stage_at` returns the stage of a topic's partition. `topic_ids`: the ids that the topics had at the start.
    """

    def __init__(self, settings: Settings, metrics: Metrics, stage_at: Callable[[TP], Stage]) -> None:
        self._settings, self._metrics, self._stage_at = settings, metrics, stage_at
        self.topic_ids: dict[str, str] = {}
        self.resets: dict[TP, int] = {}  # what `ebbtide state reset` has committed
        self._cut: set[int] = set()  # partitions of the changelog whose beginning was deleted
        self._breaks: dict[TP, str] = {}  # of the present assignment
        self._lasting: dict[int, str] = {}  # by partition: what only a new start can end
        self._all = ""  # why nothing is read any more
        self._counted: dict[TP, int] = {}

    def is_refused(self, tp: TP) -> bool:
        """Return whether a partition of a topic must not be read."""
        return bool(self._all) or tp in self._breaks or tp.partition in self._lasting

    def reasons(self) -> list[str]:
        """Return a phrase for each refusal, which names the partition."""
        breaks = [f"{tp.topic}/{tp.partition}: {text}" for tp, text in sorted(self._breaks.items())]
        lasting = [f"partition {number}: {text}" for number, text in sorted(self._lasting.items())]
        return [*filter(None, [self._all]), *lasting, *breaks]

    async def starts(self, logs: Mapping[TP, tuple[int, int, int | None]], firsts: Mapping[TP, int]) -> dict[TP, int]:
        """Return where to read on in each partition that is not refused.

        `logs`: of each partition that stages read here, its first offset, its end, and what is committed. `firsts`: the
        first offset of each partition that is assigned, those of the changelog too.
        """
        self._breaks, before = {}, self._breaks
        name = changelog(self._settings.kafka)
        self._cut = {tp.partition for tp, first in firsts.items() if tp.topic == name and first > 0}
        found = {tp: LogEnds(*ends, self.topic_ids.get(tp.topic, "")) for tp, ends in logs.items()}
        for tp in sorted(found, key=lambda tp: (tp.topic != self._settings.kafka.measurements, tp)):
            self._judge(tp, found[tp])
        for tp, text in self._breaks.items():
            if before.get(tp) != text:
                log.error("topic %s, partition %d is refused: %s", *tp, text)
        return {tp: start_of(self._stage_at(tp).applied, of) for tp, of in found.items() if not self.is_refused(tp)}

    def _judge(self, tp: TP, found: LogEnds) -> None:
        stage = self._stage_at(tp)
        broken = break_of(stage.applied, stage.topic_id, found)
        if broken and stage.applied < 0 and not self._lacks_state(tp, found.committed):
            broken = None
        if broken is None:
            stage.topic_id = found.topic_id or stage.topic_id
            return
        self._count(tp, broken, found)
        if broken.lost and self._settings.kafka.gaps == "accept":
            stage.note_gap()
            log.warning("topic %s, partition %d: %s", *tp, broken.text.partition(" unread")[0])
        else:
            self._breaks[tp] = broken.text

    def _lacks_state(self, tp: TP, committed: int | None) -> bool:
        """Return whether a committed offset without state is a loss: a reset commits those of internal topics.

        Resets of earlier versions left no mark. Then it is a loss if the beginning of the changelog was deleted, which
        compaction does not do.
        """
        measurements = TP(self._settings.kafka.measurements, tp.partition)
        if tp == measurements or measurements in self._breaks:
            return True
        return tp.partition in self._cut and committed != self.resets.get(tp)

    def _count(self, tp: TP, broken: Break, found: LogEnds) -> None:
        lost = min(broken.lost, found.first - self._counted.get(tp, 0))
        if lost > 0:
            self._counted[tp] = found.first
            self._metrics.lost.inc(lost)

    def refuse_partition(self, number: int, error: KafkaError) -> None:
        """Refuse a partition for good: the broker has not taken a snapshot. The next start reads the previous one."""
        why = f"{type(error).__name__}: {one_line(str(error))}"
        self._lasting[number] = f"its snapshot was not written ({why}): mend that and start the worker again"
        log.error("partition %d is refused: %s", number, self._lasting[number])

    def refuse_all(self, text: str) -> None:
        """Refuse everything for good, and say why, once."""
        if not self._all:
            self._all = text
            log.error("all partitions are refused: %s", text)


def is_refusal(error: Any) -> bool:  # noqa: ANN401
    """Return whether a broker has refused a message; otherwise it did not answer, and a new start tries again."""
    return isinstance(error, KafkaError) and not error.retriable
