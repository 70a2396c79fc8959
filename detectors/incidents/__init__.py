"""Incidents: which outages belong together, and what is said of them."""
