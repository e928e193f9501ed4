#!/bin/bash
# Runs clang-tidy with the checks of .clang-tidy.
#
#   ci/check_tidy.sh [--all | FILE.cc ...]
#
# Without arguments those of the library and the command, a folder at a time; with --all tests, samples
# and benchmarks too, which takes three times as long. FILEs are looked at one by one.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" clang-tidy
# A precompiled header of gcc means nothing to clang.
configure dev -B build/tidy -DALKAID_PCH=OFF -DALKAID_UNITY_COMMAND=OFF

# tidy FOLDER FILE...: with the commands of the folder, as many at a time as there are
# processors.
tidy() {
  local folder=$1
  shift
  printf '%s\0' "$@" | xargs -0 -n 1 -P "$JOBS" clang-tidy --quiet -p "$folder" "${CHECKS[@]}"
}
CHECKS=()
if (($#)) && [[ $1 != --all ]]; then
  tidy build/tidy "$@"
  exit
fi

wanted='(?!.*_test\.cc|docs/|benchmarks/|ci/|cpp/fixtures/|cpp/tests/)'
(($#)) && wanted=
ci/tidy_units.py build/tidy "$wanted" >build/tidy/units.txt
mapfile -t units <build/tidy/units.txt
tidy build/tidy/units "${units[@]}"
# Each source by itself too: so a missing include shows. This check sees no more than the source.
mapfile -t sources < <(sed -n 's/^#include "\(.*\)".*/\1/p' "${units[@]}")
CHECKS=(--checks=-*,misc-unused-using-decls)
tidy build/tidy "${sources[@]}"
