"""The public API as users write it; type-checked, not run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import assert_type

from mizzen.testing import Process, ProcessEnded, Proxy, Server, mariadb, nats, postgres, valkey


def servers() -> None:
    with postgres() as server:
        assert_type(server, Server)
        assert_type(server.url, str)
        with server.fresh() as url:
            assert_type(url, str)
    for each in (valkey(), nats("nats://127.0.0.1:4222"), mariadb(url=None)):
        assert_type(each.start().ours, bool)
        each.close()


async def faults(url: str) -> None:
    async with valkey() as server, Proxy(server.url) as proxy:
        assert_type(await proxy, Proxy)
        proxy.delay("10ms")
        proxy.bandwidth("64KB")
        proxy.cut()
        proxy.blackhole()
        proxy.heal()
        assert_type(proxy.port, int)
    process = Process(Path("worker.py"), url, env={"A": "b"}, max_file_size="1MB").start()
    try:
        assert_type(await process.wait_for("ready"), str)
        assert_type(await process.wait_for(re.compile("ready"), timeout="5s"), re.Match[str])
    except ProcessEnded:
        assert_type(process.returncode, int | None)
    process.pause()
    process.resume()
    assert_type(process.restart(), Process)
    process.terminate()
    assert_type(await process.wait(), int)
