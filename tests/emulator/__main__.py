# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the loopback Azure in the foreground: python -m emulator."""

from __future__ import annotations

import argparse
import fcntl
import shlex
import signal
import time
from pathlib import Path

from .seed import Seed
from .server import Emulator


def main() -> None:
    """Serve until interrupted; the environment file appears once the emulator answers, and goes with it."""
    parser = argparse.ArgumentParser(prog="emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--speed", type=float, default=60.0, help="how many times faster than Azure")
    parser.add_argument("--seed", type=Path, help="a YAML or JSON file with what is there at the start")
    parser.add_argument("--folder", type=Path, default=Path(".emulator"), help="where certificates and env are written")
    arguments = parser.parse_args()
    if arguments.speed <= 0:
        parser.error("--speed must be more than 0")
    # No lock: a second signal may come while the first is handled in the same thread.
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: signals.append(number))
    folder = arguments.folder.resolve()
    seed = Seed.read(arguments.seed) if arguments.seed else Seed()
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        parser.error(f"a loopback Azure runs already in {folder}; stop it first, or give another --folder")
    with Emulator(arguments.speed, arguments.port, seed, folder) as emulator:
        emulator.start_blob_store()
        env_file = folder / "env"
        lines = [f"export {name}={shlex.quote(value)}" for name, value in emulator.environment().items()]
        env_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"Loopback Azure answers at {emulator.url}, {arguments.speed:g} times faster than Azure.", flush=True)
        print(f"In another shell: . {env_file}", flush=True)
        while not signals:
            time.sleep(0.1)
        env_file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
