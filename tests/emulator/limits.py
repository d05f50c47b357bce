# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource Manager's limits: token buckets for each principal in each subscription (Microsoft's page on throttling)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from .arm import ArmError
from .clock import Clock

# Kind of request -> how many at once, and how many more each second.
_SIZES = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}


@dataclass
class Bucket:
    """What is left of one kind of request."""

    left: float
    seen: datetime


@dataclass
class Limits:
    """The buckets of all callers. is_on: whether requests are counted; a real Azure always does."""

    clock: Clock
    is_on: bool = False
    buckets: dict[tuple[str, str, str], Bucket] = field(default_factory=dict)

    def take(self, method: str, path: str, principal: str) -> dict[str, str]:
        """Count a request and give the header that tells what is left. Raises ArmError 429 where nothing is."""
        parts = path.split("/")
        if not self.is_on or parts[1].lower() != "subscriptions" or len(parts) < 3:
            return {}
        subscription = parts[2]
        kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
        size, a_second = _SIZES[kind]
        now = self.clock.now()
        bucket = self.buckets.setdefault((subscription.lower(), principal, kind), Bucket(size, now))
        bucket.left = min(size, bucket.left + (now - bucket.seen).total_seconds() * a_second)
        bucket.seen = now
        if bucket.left < 1:
            seconds = max(1, math.ceil((1 - bucket.left) / a_second))
            message = (
                f"Number of {kind} for subscription '{subscription}' exceeded the limit. Try again after '{seconds}' seconds."
            )
            raise ArmError(429, "SubscriptionRequestsThrottled", message, headers={"Retry-After": str(seconds)})
        bucket.left -= 1
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(bucket.left))}
