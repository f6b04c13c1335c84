"""Fixtures for projects that use mizzen-cache; nothing heavy is imported before a test asks."""
