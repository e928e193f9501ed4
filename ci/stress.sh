#!/bin/bash
# Pools under everything at once (cpp/tests/stress_test.cc), by the clock: half of the time as they are,
# half in their debug mode, and then under each sanitizer. Fails where anything was wrong.
#
#   ci/stress.sh [SECONDS [SANITIZED_SECONDS]]    3600, and 600 under each sanitizer, when not said
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage='usage: ci/stress.sh [SECONDS [SANITIZED_SECONDS]]'
(($# <= 2)) || fail "$usage"
for seconds in "$@"; do [[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "$usage"; done

ensure_packages "${BUILD_PACKAGES[@]}"
sanitizer_runner
seed=$(date +%s)
# stress PRESET SECONDS [argument...]
stress() {
  configure "$1"
  build "$1" alkaid_stress_test
  local runner=()
  [[ $1 == dev ]] || runner=("${RUNNER[@]}")
  say "stress: $1, $2 s ${*:3}"
  in_preset "$1" "${runner[@]}" "build/$1/bin/alkaid_stress_test" "--seconds=$2" "--seed=$seed" \
    "${@:3}"
}
half=$(((${1-3600} + 1) / 2))
stress dev "$half"
stress dev "$half" --debug
stress asan "${2-600}"
stress tsan "${2-600}"
