"""Tests of detectors/incidents."""
