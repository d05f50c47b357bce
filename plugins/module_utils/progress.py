# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Progress of a module while it waits: facts as JSON lines in a file, which the controller turns into lines.

See plugin_utils/progress_lines.py for the reader.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any


class Progress:
    """Writes down how far things are.

    path: the file, None for nobody to tell. Whatever is wrong with the file stops the telling and nothing else.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None
        self._lock = threading.Lock()

    def job(self, job: dict[str, Any], elapsed_seconds: float, is_over: bool) -> None:
        """Tell how a job is, and how long it has run."""
        at_work = [task["name"] for task in job["sub_tasks"] if task["status"] == "in_progress"]
        self._write(
            key=str(job["name"]).lower(),
            subject=str(job["datasource_id"] or job["instance_name"] or "").rsplit("/", 1)[-1],
            job=job["name"],
            status=str(job["status"]).replace("_", " "),
            sub_task=at_work[0] if at_work else None,
            percent=job["progress_percent"],
            remaining_seconds=job.get("remaining_seconds"),
            elapsed_seconds=max(0, round(elapsed_seconds)),
            is_over=is_over,
        )

    def note(self, subject: str, key: str, status: str, is_over: bool = False) -> None:
        """Tell what is being waited for.

        key: what tells it from all others, such as the id of a datasource or a job; is_over: that this is over.
        """
        key = key.lower().rsplit("/backupjobs/", 1)[-1]
        self._write(key=key, subject=subject, status=status, elapsed_seconds=None, is_over=is_over)

    def _write(self, **facts: Any) -> None:
        if self._path is None:
            return
        with self._lock:
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(facts) + "\n")
            except OSError:
                self._path = None
