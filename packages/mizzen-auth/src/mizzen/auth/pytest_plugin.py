"""Fixtures for projects that use mizzen-auth; nothing heavy is imported before a test asks."""
