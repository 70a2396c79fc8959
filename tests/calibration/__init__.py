"""How the detector keeps to its false-alarm budget, how soon it finds falls, and what it costs."""
