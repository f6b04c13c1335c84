"""Fixtures for projects that use mizzen."""
