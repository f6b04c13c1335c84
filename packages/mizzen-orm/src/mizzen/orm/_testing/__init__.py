"""Fixtures: counted queries, sandboxes, factories, template databases."""
