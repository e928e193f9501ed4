#!/bin/bash
# The main job, from nothing: installs what is missing, builds, and reads datagrams back through
# every allocator.
#
#   ci/demo.sh                 writes a synthetic run, then reads it
#   ci/demo.sh FILE.xtc2 ...   reads these files
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}"
configure release
build release alkaid_command

# The program runs where the caller stands: its arguments may be paths relative to that.
cd "$CALLER_FOLDER"
exec "$ROOT/build/release/bin/alkaid" demo "$@"
