"""Bytes from outside against everything that reads them: in the tests from a corpus, for long by `make fuzz`."""
