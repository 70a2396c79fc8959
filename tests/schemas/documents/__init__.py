"""Tests of schemas/documents."""
