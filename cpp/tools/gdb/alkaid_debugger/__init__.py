"""The modules of alkaid_gdb.py.

The modules that decode and compute do not use gdb: layout, snapshots, categories, retention,
selection, rendering, pools, arguments, machinery. inferior, view, watch and commands use gdb.
"""
