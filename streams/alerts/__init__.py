"""`ebbtide alerts`: incidents and outages are told to people and programs over HTTP."""
