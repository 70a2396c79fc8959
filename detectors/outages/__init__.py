"""Outages of series: bins in, opened, changed and closed outages out."""
