"""Tests of the worker's pages."""
