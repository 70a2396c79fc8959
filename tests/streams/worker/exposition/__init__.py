"""Tests of what the metrics page says."""
