"""Models: what a class says, and what its instances do."""
