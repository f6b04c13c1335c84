"""Memory, disk and Redis tiers behind one cache."""

__all__: list[str] = []
