"""`ebbtide alerts`: incidents and outages are told to people and programs over HTTP.

Reads what anybody can read: the topics, no shard and no detector.
"""
