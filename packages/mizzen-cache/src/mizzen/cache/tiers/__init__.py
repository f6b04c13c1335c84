"""The tiers that come with the cache, one file each, imported only when asked for."""
