"""What each constant of the detectors is, where it is from, and what changes at half and at twice its value."""
