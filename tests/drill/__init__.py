"""The fault drill: the worker among crashes, rebalances and restarts, against an undisturbed `ebbtide detect`."""
