"""Fixtures for projects that use mizzen-assets; nothing heavy is imported before a test asks."""
