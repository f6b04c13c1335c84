"""Jobs that run in processes of their own; tests import a copy of it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import date

from mizzen.queue import GiveUp, Queue, Retry, current_job

q = Queue(os.environ["QUEUE_URL"])
once = Retry(max=1)


def note(text: str) -> None:
    with open("seen.log", "a") as log:
        print(text, file=log, flush=True)


@q.job(run="process")
def pid() -> int:
    return os.getpid()


@q.job(run="process")
async def later(day: date, *, note: str = "none") -> list[str]:
    await asyncio.sleep(0)
    return [day.isoformat(), note, current_job().kind]


@q.job(run="process", retry=once)
def fail(text: str) -> None:
    raise LookupError(text)


@q.job(run="process")
def give_up() -> None:
    raise GiveUp("never")


@q.job(run="process", retry=once)
def leave(status: int) -> None:
    raise SystemExit(status)


@q.job(run="process")
def odd() -> object:
    return object()


@q.job(run="process", retry=Retry(max=2, base="1ms"))
def die(how: str) -> None:
    note(f"died {how}")
    os._exit(3) if how == "exit" else os.kill(os.getpid(), signal.SIGSEGV)


@q.job(run="process")
def big(size: int) -> str:
    return "x" * size


@q.job(run="process")
def noisy() -> str:
    print("to stdout")
    os.write(1, b"to the descriptor\n")
    return sys.stdin.read()


@q.job(run="process", timeout="300ms", retry=once)
def spin() -> None:
    note(f"spins {os.getpid()}")
    while True:
        pass


@q.job(run="process")
def endless() -> None:
    helper = subprocess.Popen(["sleep", "60"])
    note(f"started {os.getpid()} {helper.pid}")
    while True:
        time.sleep(0.01)


@q.job(run="process")
def patient() -> None:
    job = current_job()
    note(f"started {os.getpid()}")
    while not job.cancelled:
        time.sleep(0.005)
    note("was told")


@q.job(run="process")
async def cleans_up() -> None:
    try:
        note(f"started {os.getpid()}")
        await asyncio.sleep(60)
    finally:
        note("cleaned up")


@q.job(run="process")
def half() -> None:
    current_job().progress(5, 10, "halfway")
    while not os.path.exists("go on"):
        time.sleep(0.005)
    current_job().progress(10, 10)


@q.job
async def beside() -> int:
    return 1
