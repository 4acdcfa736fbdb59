"""`python3 taskpaw_v3/packaging/backend_main.py [agent|hub] PORT…`: V3's source entry point."""

import runpy
import sys

role = "hub" if sys.argv[1:2] == ["hub"] else "agent"
if sys.argv[1:2] in (["hub"], ["agent"]):
    del sys.argv[1]
runpy.run_module(f"taskpaw_v3.{role}.__main__")
