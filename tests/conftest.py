"""For every test: programs that a test starts find the package without its being installed."""

import os
from pathlib import Path

os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
