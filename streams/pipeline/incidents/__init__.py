"""From the bin reports of all shards to incidents with headlines; pure."""
