#!/bin/bash
# The main job, from nothing: installs what is missing, builds the library and the command, and reads
# datagrams back through every allocator. Says what it does, how long that usually takes, and what to
# try next. Results alone go to stdout.
#
#   ci/demo.sh                 writes a synthetic run, then reads it
#   ci/demo.sh FILE.xtc2 ...   reads these files
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

say "Alkaid: installs the Debian packages that are missing, builds the library and its command, reads datagrams"
say "with each allocator. The first time that takes about 4 minutes on two idle cores, later some seconds"
ensure_packages "${BUILD_PACKAGES[@]}"
configure release -DALKAID_WITH_JEMALLOC=AUTO -DALKAID_WITH_MIMALLOC=AUTO
for allocator in mimalloc jemalloc; do
  grep -qi "ALKAID_HAVE_$allocator:INTERNAL=ON" build/release/CMakeCache.txt && continue
  say "$allocator is not built: its source could not be had; build/release-configure.log says what was asked"
  say "going on without it; to have it, set ALKAID_${allocator^^}_URL to one of cmake/AlkaidPins.cmake, or ask"
  say "everybody again by: cmake --fresh --preset release -DALKAID_WITH_JEMALLOC=AUTO -DALKAID_WITH_MIMALLOC=AUTO"
done
# What `alkaid run` preloads too.
build release alkaid_command alkaid_malloc

say "reading a run once with each allocator, which takes a few seconds"
# The program runs where the caller stands: its arguments may be paths relative to that.
cd "$CALLER_FOLDER"
"$ROOT/build/release/bin/alkaid" demo "$@"

alkaid=$(realpath --relative-to=. "$ROOT/build/release/bin/alkaid")
cat >&2 <<END
== done in $SECONDS s. What to try next:
   what a program never gives back, and who allocated it; here 50 blocks that Python leaks:
     $alkaid run --track --heap-at-exit exit.heap -- python3 -c \\
       'import ctypes; [ctypes.CDLL(None).malloc(100000) for _ in range(50)]'
     $alkaid heap show --top 1 exit.heap
   what is in this build, and which allocator serves:  $alkaid info
   all commands (once installed, also by man alkaid):  $alkaid help
   to install it:                                      README.md, "Install"
   a first program of your own:                        docs/first-programs.md
   all tests, in half an hour the first time:          ./ci/test.sh
END
