"""The app that foreign servers run: every component, in the folder it is started in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mizzen.app import App
from mizzen.auth import Session
from mizzen.cable import Channel, event
from mizzen.orm import Model
from mizzen.web import HTML, Context, HTTPError

app = App("shop", config="shop.toml")
db, queue, cache, cable = app.db, app.queue, app.cache, app.cable
auth, assets, web = app.auth, app.assets, app.web


class Order(Model):
    item: str
    shipped: bool = False


class Tables:
    """A component of the shop's own: makes the tables, and says when it all ends."""

    async def start(self) -> None:
        await db.create_all()

    async def aclose(self) -> None:
        print("the shop is closed", flush=True)

    async def health(self) -> dict[str, object]:
        return {"ok": True, "detail": {}}

    def stats(self) -> dict[str, float]:
        return {}


app.use(tables=Tables())


@queue.job
async def ship(order_id: int) -> None:
    await (await Order.get(order_id)).update(shipped=True)
    await cache.invalidate_tags("orders")
    await cable.publish("orders", "shipped", {"id": order_id})


@queue.job
async def take_long(seconds: float) -> None:
    print("a long job has begun", flush=True)
    await asyncio.sleep(seconds)
    print("the long job is done", flush=True)


@cable.channel("orders")
class Orders(Channel):
    async def authorize(self) -> bool:
        return self.connection.identity is not None

    @event
    async def shipped(self) -> int:
        """How many are on their way."""
        return await cache.fetch("shipped", count_shipped, tags=["orders"])


async def count_shipped() -> int:
    return await Order.where(shipped=True).count()


@dataclass
class Person:
    username: str
    password: str


@dataclass
class Purchase:
    item: str


@web.get("/")
async def home(ctx: Context) -> HTML:
    return ctx.render("home.html", orders=await Order.where().all())


@web.post("/people")
async def join(person: Person, ctx: Context) -> dict[str, str]:
    email = f"{person.username}@example.com"
    user = await auth.register(email=email, username=person.username, password=person.password)
    session = await auth.login(person.username, person.password)
    assert isinstance(session, Session)
    ctx.scope["auth"].remember(session)
    return {"id": user.id}


@web.post("/orders")
async def order(purchase: Purchase, ctx: Context) -> dict[str, int | None]:
    if ctx.user is None:
        raise HTTPError(401, "log in first")
    async with db.transaction() as session:
        made = await Order.create(item=purchase.item)
        assert made.id is not None
        await ship(made.id).enqueue(tx=session)
    return {"id": made.id}
