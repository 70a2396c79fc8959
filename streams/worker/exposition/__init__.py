"""Metrics of outages, incidents and the watch list, read from the state of the worker at each scrape."""
