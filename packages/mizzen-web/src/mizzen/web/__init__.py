"""A small ASGI core: router, typed binding, controllers and views."""

__all__: list[str] = []
