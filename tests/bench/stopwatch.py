# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command and print what it cost as JSON: python stopwatch.py OUTPUT COMMAND...

A process of its own, because Linux counts the memory of who starts a process as the process's own at first.
"""

import json
import os
import subprocess
import sys
import time

with open(sys.argv[1], "wb") as output:
    begin = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:], stdout=output, stderr=subprocess.STDOUT)
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
cpu = usage.ru_utime + usage.ru_stime
memory = usage.ru_maxrss / 1024
print(json.dumps({"exit": os.waitstatus_to_exitcode(status), "wall": wall, "cpu": cpu, "memory": memory}))
