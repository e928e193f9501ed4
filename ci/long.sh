#!/bin/bash
# What takes too long for each change: before a release, and now and then. Most of a day on two cores.
#
#   ci/long.sh [SECONDS]    SECONDS of fuzzing for each target at least, 600 where none is said
#
# Every fuzz target for that long and until its last 2 million executions found no new edge, the one
# that compares the verifier with the readers until it has executed 10 million times, and which lines
# they reach; pools under stress for an hour and ten minutes under each sanitizer; the two commands of
# README in a bare Debian 13, and the Debian packages in bare systems of 12 and 13; clang-tidy on tests and
# benchmarks too; the tests of forks, threads, observers and read queues 50 times, and those of how long
# objects of Python live, with a million of them; the Python module in a debug build of CPython, and
# beside the libraries that its users have; all
# benchmarks, with their bars.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# <= 1)) && [[ ${1-600} =~ ^[1-9][0-9]*$ ]] || fail "usage: ci/long.sh [SECONDS]"

readonly QUIET=2000000
ci/fuzz.sh --quiet "$QUIET" "${1-600}"
ci/fuzz.sh --executions 10000000 "${1-600}" fuzz_verify
ci/fuzz_coverage.sh
say "fuzzing the decoder of gdb's tables"
python3 -B cpp/tools/gdb/table_decoder_fuzz.py --seed "$(date +%s)" --quiet "$QUIET"
ci/stress.sh 3600 600
if ((EUID == 0)); then
  ci/check_distributions.sh trixie
  ci/check_packages.sh bookworm
  ci/check_packages.sh trixie
else
  say "other distributions and packages are not tried: that takes root"
fi
ci/check_tidy.sh --all
# What depends on how threads and processes interleave shows only now and then.
ci/test.sh -R '[Ff]ork|[Tt]hread|[Oo]bserver|Recycl|ReadQueue' --repeat until-fail:50
ci/test.sh -R 'Python\.processes' --repeat until-fail:50
ALKAID_LIFETIMES=1000000 ci/test.sh -R 'Python\.lifetimes'
ci/check_python_debug.sh
ci/check_peers.sh
ci/bench.sh --strict
