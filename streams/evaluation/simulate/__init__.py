"""Simulated measurement streams of situations that really happened, with the truth beside them."""
