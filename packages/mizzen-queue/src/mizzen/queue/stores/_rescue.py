"""What becomes of a job that was charged for an attempt in which its worker died."""

WORKER_DIED = (
    "WorkerDied: the worker's process ended while this job ran, on its last attempt\n"
    "No traceback: the process was killed, ran out of memory, or the job ended it itself."
)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 60.0


def crash_pause(attempt: int) -> float:
    """Seconds before it runs again: short at first, as most deaths are a machine's, not a job's."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 20))
