"""Areas: what regions and countries, and facets of them, show in sum over all shards."""
