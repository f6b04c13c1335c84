"""Limits this process, then becomes the program it was given: `_limits_main.py BYTES PROGRAM …`.

`preexec_fn` would do it without this file, but may deadlock in a process that has threads.
"""

import os
import resource
import sys

if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    # Python ignores SIGXFSZ, and so does what it becomes: a write fails with EFBIG instead.
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
