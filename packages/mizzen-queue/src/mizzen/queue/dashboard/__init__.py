"""A web dashboard for a queue: a plain ASGI app, to serve by itself or to mount in another."""

from ._app import Dashboard, dashboard

__all__ = ["Dashboard", "dashboard"]

for _name in __all__:
    globals()[_name].__module__ = __name__
