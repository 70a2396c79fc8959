"""Faust's tables and recovery as the worker needs them; uses private names, as `faust_patches` does.

- `EagerTableManager` starts recovery as soon as the agents have started, not a second later.
- `SettledRecovery` ends when the changelog was read to its end, also when no record is there: Faust waits for the last
  offset before the end, where a transaction's marker may be, or nothing after compaction.
"""

from __future__ import annotations

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery


class EagerTableManager(TableManager):  # type: ignore[misc]
    """Faust's table manager, which does not wait a second for more tables: all exist when the agents start."""

    _recovery: Recovery | None

    async def on_start(self) -> None:
        """Start recovery as soon as the agents have started."""
        await self.app.agents.wait_until_agents_started()
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        """Recovery that ends at the end of the changelog."""
        if self._recovery is None:
            self._recovery = SettledRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class SettledRecovery(Recovery):  # type: ignore[misc]
    """Faust's recovery, which ends when all up to the end has been read, whatever is there."""

    def need_recovery(self) -> bool:
        """Return whether a changelog has not been read and applied to its end."""
        for tp, highwater in self.active_highwaters.items():
            offset = self.active_offsets[tp]
            if offset is not None and offset < highwater and self.app.consumer.has_read(tp, offset, highwater):
                self.active_offsets[tp] = highwater
        return super().need_recovery()  # type: ignore[no-any-return]
