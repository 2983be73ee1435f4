"""`python -m packager`: the `cxpack` command, where the console script is not on the path."""

import sys

from packager.cli import main

sys.exit(main())
