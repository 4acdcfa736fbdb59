"""`python3 taskpaw_v3/packaging/backend_main.py [agent|hub] PORT…`: V3's source entry point."""

import sys

from taskpaw_v3.stand_in import serve

serve([argument for argument in sys.argv[1:] if argument.isdigit()])
