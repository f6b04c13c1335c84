"""The mizzen demonstration."""
