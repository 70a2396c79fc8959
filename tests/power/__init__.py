"""Power of the detector beside an oracle that knows the law of each series."""
