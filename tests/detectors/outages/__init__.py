"""Tests of detectors/outages."""
