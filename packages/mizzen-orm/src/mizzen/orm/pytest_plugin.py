"""Fixtures for projects that use mizzen-orm; nothing heavy is imported before a test asks."""
