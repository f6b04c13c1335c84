"""Composes components into an application."""

__all__: list[str] = []
