"""`ebbtide worker`: the Faust process with its agents, publisher, metrics and pages."""
