"""`python3 -m taskpaw_v3.hub PORT…`: answers /ping as V3's hub did, and prints a line."""

import sys

from taskpaw_v3.stand_in import serve

serve(sys.argv[1:])
