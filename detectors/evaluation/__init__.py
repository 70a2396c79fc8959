"""How outages and incidents that were found compare with those that were."""
