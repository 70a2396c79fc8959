"""Tests of detectors/evaluation."""
