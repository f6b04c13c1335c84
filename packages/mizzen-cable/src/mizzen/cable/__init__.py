"""Realtime channels and presence for stock Socket.IO clients."""

__all__: list[str] = []
