"""Queries: chained, compiled once, run in one go."""
