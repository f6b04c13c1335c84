"""Users, sessions and signed tokens that are hard to misuse."""

__all__: list[str] = []
