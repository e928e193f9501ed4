#!/bin/bash
# Runs ci/demo.sh twice and ci/test.sh as a newcomer would, in the smallest system that debootstrap
# makes of a distribution, from a clean clone of what is committed here.
#
#   ci/check_distributions.sh [SUITE...]    trixie where none is named; bookworm, or noble (of Ubuntu)
#
# Takes root, the packages of the distribution's own mirror, 5 GB of disk, and an hour for each suite on
# two cores. The pristine system stays in the cache, in roots/SUITE, and is never written to: each run
# works on a layer above it, which goes with the run. Archives of allocators that ALKAID_JEMALLOC_URL and
# ALKAID_MIMALLOC_URL name, files too, are taken there as well. Prints the seconds that each command took,
# by the clock and of processors, and how many tests passed; fails where a command fails or a warning is
# printed. The logs are in build/distributions. Real files (ALKAID_TEST_DATA, or those beside the
# checkout) are there too.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source ci/roots.sh
in_own_mounts "$@"

suites=("$@")
((${#suites[@]})) || suites=(trixie)
readonly LOGS=$ROOT/build/distributions
mkdir -p "$LOGS"
use_test_data
TIMEFORMAT='%R %U %S'

# timed LOG command...: in the clone; sets TOOK to what it took; true where the command succeeded.
timed() {
  local log=$LOGS/$1 code=0
  shift
  { time enter /srv/alkaid "$@" >"$log" 2>&1 || code=$?; } 2>"$LOGS/time"
  TOOK=$(awk '{printf "%.0f s, %.0f s of processors", $1, $2 + $3}' "$LOGS/time")
  return "$code"
}

failed=0
complain() {
  say "$*"
  failed=1
}

# try_suite SUITE: prints a line for each thing that was tried.
try_suite() {
  local suite=$1
  pristine "$suite"
  trap leave_layer EXIT
  lay_over "$suite"
  # Where other users may look too: a test becomes one.
  git clone --quiet --no-hardlinks "$ROOT" "$LAYER/srv/alkaid"
  if [[ -n ${ALKAID_TEST_DATA-} ]]; then
    mkdir -p "$LAYER/srv/shared/data/xtc2"
    mount --bind "$ALKAID_TEST_DATA" "$LAYER/srv/shared/data/xtc2"
    mount -o remount,ro,bind "$LAYER/srv/shared/data/xtc2"
  fi

  local log=$suite-demo.log
  say "$suite: ci/demo.sh"
  if timed "$log" ./ci/demo.sh; then
    echo "$suite: ci/demo.sh, the first time: $TOOK"
  else
    tail -n 30 "$LOGS/$log" >&2
    complain "$suite: ci/demo.sh failed after $TOOK: $LOGS/$log"
    return
  fi
  if grep -n 'warning:' "$LOGS/$log"; then complain "$suite: ci/demo.sh prints warnings"; fi
  if timed "$suite-demo-again.log" ./ci/demo.sh; then
    echo "$suite: ci/demo.sh, the second time: $TOOK"
  else
    complain "$suite: ci/demo.sh failed the second time: $LOGS/$suite-demo-again.log"
  fi
  # What it says to try next.
  log=$suite-next.log
  local next
  next=$(sed -n 's/^     //p' "$LOGS/$suite-demo-again.log")
  if [[ -n $next ]] && timed "$log" sh -ec "$next"; then
    echo "$suite: what ci/demo.sh says to try next: $TOOK"
  else
    complain "$suite: what ci/demo.sh says to try next failed: $LOGS/$log"
  fi

  log=$suite-test.log
  say "$suite: ci/test.sh"
  if ! timed "$log" ./ci/test.sh; then
    tail -n 30 "$LOGS/$log" >&2
    complain "$suite: ci/test.sh failed: $LOGS/$log"
  fi
  echo "$suite: ci/test.sh: $TOOK"
  sed -n '/tests passed/,$p' "$LOGS/$log"
  [[ -e $LAYER/srv/alkaid/build/dev-ctest.log ]] || return 0
  enter /srv/alkaid ./ci/check_skips.py dev build/dev-ctest.log ||
    complain "$suite: tests were skipped that should not be"
}

for suite in "${suites[@]}"; do
  try_suite "$suite"
  leave_layer
  trap - EXIT
done
exit "$failed"
