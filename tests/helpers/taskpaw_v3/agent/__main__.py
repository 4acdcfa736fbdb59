"""`python3 -m taskpaw_v3.agent NETWORK CONTROL`: answers /ping on both ports as V3 did, and prints a line."""

import sys

from taskpaw_v3.stand_in import serve

serve(sys.argv[1:3])
