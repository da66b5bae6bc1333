"""Run `make layout` with positional arguments: `python -m local.layout LAYOUTS RECORDS`.

Authors of layouts run it many times, and positional arguments need no variable names.
"""

import sys

from local.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "layout")
    main()
