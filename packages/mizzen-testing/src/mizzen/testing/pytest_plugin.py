"""Fixtures for projects that use mizzen-testing; nothing heavy is imported before a test asks."""
