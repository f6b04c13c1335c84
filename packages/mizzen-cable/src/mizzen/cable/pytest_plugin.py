"""Fixtures for projects that use mizzen-cable; nothing heavy is imported before a test asks."""
