"""Areas: what regions and countries, and facets of them, show in sum over all shards.

Knows neither Faust nor Kafka, no clock and no screen.
"""
