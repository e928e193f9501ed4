"""gdb's commands `alkaid ...`: the live memory of a process or a core that uses libalkaid.so.

  (gdb) source alkaid_gdb.py
  (gdb) help alkaid

The folder alkaid_debugger has to lie beside this file. Sourcing it again reloads it.
"""

import os
import sys


def _load():
    folder = os.path.dirname(os.path.realpath(__file__))
    package = "alkaid_debugger"
    old = sys.modules.get(package + ".watch")
    if old is not None:
        old.disconnect()
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]
    # Changes neither a folder that may be read-only, nor the path of other scripts.
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, folder)
    try:
        from alkaid_debugger import commands
        commands.register()
    finally:
        sys.path.remove(folder)
        sys.dont_write_bytecode = wrote


_load()
