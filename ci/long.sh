#!/bin/bash
# What takes too long for each change: before a release, and now and then.
#
#   ci/long.sh [SECONDS]    SECONDS of fuzzing for each target, 600 where none is said
#
# Every fuzz target for that long; clang-tidy on tests and benchmarks too; the tests of forks, threads,
# observers and read queues 50 times; all benchmarks, with their bars.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# <= 1)) && [[ ${1-600} =~ ^[1-9][0-9]*$ ]] || fail "usage: ci/long.sh [SECONDS]"

ci/fuzz.sh "${1-600}"
ci/check_tidy.sh --all
# What depends on how threads and processes interleave shows only now and then.
ci/test.sh -R '[Ff]ork|[Tt]hread|[Oo]bserver|Recycl|ReadQueue' --repeat until-fail:50
ci/bench.sh --strict
