"""`python -m streams.cli`: the command `ebbtide`."""

import sys

from streams.cli.main import main

sys.exit(main())
