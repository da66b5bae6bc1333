"""`python -m local.layout`: `make layout` with its arguments in the order in which they are typed.

Whoever writes a layout tries it many times over, and should not have to remember a variable's name for each.
"""

import sys

from local.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "layout")
    main()
