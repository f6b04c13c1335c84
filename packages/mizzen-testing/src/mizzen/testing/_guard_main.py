"""The guard: a small process that outlives its parent just long enough to clean up after it.

Run as a script, without site-packages. It reads one JSON message a line from its standard input.
When that ends, because the parent closed it or died in whatever way, the guard stops what is still
watched, removes the folders that are left, and ends.
"""

import json
import os
import select
import signal
import sys
import time

PATIENCE = 3.0  # seconds a server has to stop by itself before it is killed
GLANCE = 1.0  # seconds between two looks at the parent, should a fork of it hold the pipe open


def watch(parent: int) -> None:
    """Follow the parent's messages until it is gone, then clean up."""
    stop_signals: dict[int, int] = {}
    folders: list[str] = []
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], GLANCE)
        if not readable:
            if os.getppid() != parent:
                break
            continue
        received = os.read(0, 65536)
        if not received:
            break
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "process" in message:
                stop_signals[message["process"]] = message["signal"]
            if "folder" in message:
                folders.append(message["folder"])
            if "forget" in message:
                stop_signals.pop(message["forget"], None)
                folders = [folder for folder in folders if folder != message["forget"]]
    clean_up(stop_signals, folders)


def clean_up(stop_signals: dict[int, int], folders: list[str]) -> None:
    for group, number in stop_signals.items():
        tell(group, number)
    deadline = time.monotonic() + PATIENCE
    while any(tell(group, 0) for group in stop_signals) and time.monotonic() < deadline:
        time.sleep(0.01)
    for group in stop_signals:
        tell(group, signal.SIGKILL)
    if folders:
        import shutil

        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def tell(group: int, number: int) -> bool:
    """Send a signal to a process group; False when nobody is left to receive it."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    watch(int(sys.argv[1]))
