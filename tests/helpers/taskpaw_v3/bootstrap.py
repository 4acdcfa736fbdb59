"""`python3 -m taskpaw_v3.bootstrap agent|hub --run PORT…`: the way to start V3 that its README gives."""

import runpy
import sys

role = sys.argv.pop(1)
sys.argv.remove("--run")
runpy.run_module(f"taskpaw_v3.{role}.__main__")
