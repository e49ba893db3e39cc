"""`python -m rookery`: the same as `rookery`."""

import sys

from rookery.cli import main

sys.exit(main())
