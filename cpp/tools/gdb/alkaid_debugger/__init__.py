"""What alkaid_gdb.py is made of.

The modules that decode and reckon know nothing of gdb: layout, snapshots, categories, retention,
selection, rendering, pools, arguments, machinery. Those that ask gdb are inferior, view, watch and commands.
"""
