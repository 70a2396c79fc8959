"""From the findings of all shards to incidents with headlines; pure."""
