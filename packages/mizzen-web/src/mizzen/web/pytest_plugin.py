"""Fixtures for projects that use mizzen-web; nothing heavy is imported before a test asks."""
