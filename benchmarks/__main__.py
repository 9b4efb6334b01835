"""`python -m benchmarks`: pins the process to one core before anything else is imported."""

import sys

from symgrad_cli.surroundings import pin_to_one_core

pin_to_one_core()

from .run import main  # noqa: E402

sys.exit(main())
