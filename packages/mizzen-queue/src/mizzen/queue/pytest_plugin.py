"""Fixtures for projects that use mizzen-queue; nothing heavy is imported before a test asks."""
