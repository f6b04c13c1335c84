"""What was written: told after the commit."""
