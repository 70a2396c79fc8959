"""The command line: one file a command, with its arguments, its action and its printing."""
