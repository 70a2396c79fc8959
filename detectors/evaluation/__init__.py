"""Scores of detected outages and incidents against those that really happened."""
