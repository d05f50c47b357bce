# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How often the jobs of a vault may be read: Recovery Services answers 150 reads of jobs an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

# Others read the jobs of a vault, too.
_SHARE = 0.8
# Of an hour's reads, these may be made at once: for tasks that are soon over.
_AT_ONCE = 1 / 3


class JobReads:
    """The reads of jobs that may still be made of one vault.

    an_hour: how many Azure answers, None for as many as are asked; now: gives the service's time; made: those so far.
    """

    def __init__(self, an_hour: int | None, now: Callable[[], datetime]) -> None:
        self._an_hour = an_hour
        self._now = now
        self._begun: datetime | None = None
        self.made = 0

    def note(self, reads: int = 1) -> None:
        """Count reads that were made, of one job or of the pages of a list."""
        self._begun = self._begun or self._now()
        self.made += reads

    def left(self) -> int | None:
        """Tell how many reads may be made now; None for any number."""
        if self._an_hour is None:
            return None
        hours = (self._now() - self._begun).total_seconds() / 3600 if self._begun else 0.0
        most = self._an_hour * _SHARE
        return max(0, int(most * (_AT_ONCE + hours)) - self.made)
