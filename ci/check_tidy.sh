#!/bin/bash
# Runs clang-tidy with the checks of .clang-tidy.
#
#   ci/check_tidy.sh [--all | FILE.cc ...]
#
# Without arguments those of the library and the command; with --all tests, samples and benchmarks too,
# which takes three times as long.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" clang-tidy
# Each file by itself: a precompiled header of gcc means nothing to clang, and so a missing include shows.
configure dev -B build/tidy -DALKAID_PCH=OFF -DALKAID_UNITY_COMMAND=OFF

files=("$@")
wanted='(?!.*_test\.cc|docs/|benchmarks/|ci/|cpp/fixtures/|cpp/tests/)'
if [[ ${1-} == --all ]]; then
  wanted=
  files=()
fi
if ((${#files[@]} == 0)); then
  mapfile -t files < <(python3 -c '
import json, os, re, sys
for entry in json.load(open("build/tidy/compile_commands.json")):
    file = os.path.relpath(entry["file"], sys.argv[2])
    if file.endswith(".cc") and not file.startswith("build/") and re.match(sys.argv[1], file):
        print(file)' "$wanted" "$ROOT" | sort -u)
  ((${#files[@]})) || fail "no source was found"
fi
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$JOBS" clang-tidy --quiet -p build/tidy
