"""Uses private names of Faust and aiokafka, as `faust_patches` does, for the membership in the consumer group.

- `Assignor` accepts an assignment that was made for this member at another address: a member with a fixed name
  (`kafka.instance`) gets its previous assignment back, and Faust would stop without a partition when `web.port` has
  changed. `Coordinator` then joins once more, so that the others learn the new address. It goes on with the partitions
  of the start when a topic gets more.
- `Coordinator` ends the process when another worker has taken its name in the group: aiokafka would join again and take
  it back, and both would write. It also ends the process when aiokafka gives up the group: Faust would wait forever.
  It joins once the brokers have named the partitions of all topics: Faust assigns nothing of a topic that a broker does
  not know yet, so a worker without its changelog would begin with an empty state.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from aiokafka.consumer import consumer as consuming
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor

from schemas.rejections import one_line
from streams.broker.sudden_end import die

UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID = 25, 82  # error codes of the broker
METADATA_PAUSE_SECONDS = 0.1  # between two questions for a topic that no broker has named yet


class Assignor(PartitionAssignor):  # type: ignore[misc]
    """Faust's assignor. `has_moved`: whether the last assignment was made for another address of this worker."""

    has_moved = False

    def assign(self, cluster: Any, member_metadata: Any) -> Any:  # noqa: ANN401
        """Assign the partitions that the topics had at the start, to all members."""
        return super().assign(CappedCluster(cluster, self.app.conf.topic_partitions), member_metadata)

    def on_assignment(self, assignment: Any) -> None:  # noqa: ANN401
        """Accept an assignment, also one that was made for another address of this worker."""
        metadata, own = cast("ClientMetadata", ClientMetadata.loads(self._decompress(assignment.user_data))), self._url
        self.has_moved = metadata.url != str(own)
        if self.has_moved:
            for name in ("changelog_distribution", "external_topic_distribution"):
                setattr(metadata, name, _moved(getattr(metadata, name), metadata.url, str(own)))
            metadata.url = str(own)
            assignment.user_data = self._compress(metadata.dumps())
        super().on_assignment(assignment)

    def owners(self, topic: str) -> dict[str, list[int]]:
        """Return the partitions of a topic by the address of the worker that reads them, also those of this worker."""
        owned = {url: sorted(topics.get(topic, ())) for url, topics in self.external_topic_distribution.items()}
        return {url: numbers for url, numbers in sorted(owned.items()) if numbers}


class CappedCluster:
    """The topics of a cluster, with at most `most` partitions each."""

    def __init__(self, cluster: Any, most: int) -> None:  # noqa: ANN401
        self.cluster, self.most = cluster, most

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Return the numbers of a topic's first partitions."""
        return {number for number in self.cluster.partitions_for_topic(topic) or () if number < self.most}


def _moved(distribution: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if url == old else url: topics for url, topics in distribution.items()}


class Coordinator(GroupCoordinator):  # type: ignore[misc]
    """aiokafka's coordinator. `end` ends the process with a line of text; `clock` returns steady time (s)."""

    end: Callable[[str], None] = staticmethod(die)
    clock: Callable[[], float] = staticmethod(time.monotonic)
    _alive_at = float("-inf")
    _named: frozenset[str] = frozenset()  # topics that brokers have named, or were given the time to name

    async def _send_req(self, request: Any) -> Any:  # noqa: ANN401
        response = await super()._send_req(request)
        codes = set(_codes(request, response))
        if self._group_instance_id is not None and self._is_replaced(codes):
            name, group = self._group_instance_id, self.group_id
            self.end(f"kafka.instance {name}: another worker of the group {group} has this name; give each its own")
        if codes == {0}:
            self._alive_at = self.clock()
        return response

    def _is_replaced(self, codes: set[int]) -> bool:
        """Return whether the broker knows the name by another member. It forgets a member only after its session."""
        is_fresh = self.clock() - self._alive_at < self._session_timeout_ms / 1000
        return FENCED_INSTANCE_ID in codes or (UNKNOWN_MEMBER_ID in codes and is_fresh)

    async def ensure_active_group(self, subscription: Any, *rest: Any) -> Any:  # noqa: ANN401
        """Join the group once the partitions of all topics are known."""
        await self._learn(subscription.topics)
        return await super().ensure_active_group(subscription, *rest)

    async def _learn(self, topics: Iterable[str]) -> None:
        """Ask until all topics are known, for half a session at most. One that is missing later was deleted."""
        new, end = frozenset(topics) - self._named, self.clock() + self._session_timeout_ms / 2000
        while not all(map(self._cluster.partitions_for_topic, new)) and self.clock() < end:
            await self._client.force_metadata_update()
            await asyncio.sleep(METADATA_PAUSE_SECONDS)
        self._named |= new

    async def _on_join_complete(self, *assignment: Any) -> None:  # noqa: ANN401
        await super()._on_join_complete(*assignment)
        if any(getattr(assignor, "has_moved", False) for assignor in self._assignors):
            self.request_rejoin()

    async def _coordination_routine(self) -> None:
        try:
            await super()._coordination_routine()
        except Exception as error:
            self.end(f"group {self.group_id}: the membership broke down: {one_line(str(error))}: start it again")
            raise


def _codes(request: Any, response: Any) -> Iterator[int]:  # noqa: ANN401
    """Yield the error codes in the response to a commit or a heartbeat, or another request within a group."""
    if isinstance(request, OffsetCommitRequest):
        yield from (code for _, partitions in response.topics for _, code in partitions)
    elif isinstance(request, HeartbeatRequest) or getattr(response, "error_code", 0) == FENCED_INSTANCE_ID:
        yield response.error_code


consuming.GroupCoordinator = Coordinator
