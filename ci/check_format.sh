#!/bin/bash
# Says which sources clang-format would lay out otherwise.
#
#   ci/check_format.sh [--fix] [FILE ...]      all C++ sources when none is named
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mode=(--dry-run --Werror)
if [[ ${1-} == --fix ]]; then
  mode=(-i)
  shift
fi
ensure_packages clang-format
files=("$@")
if ((${#files[@]} == 0)); then
  mapfile -t files < <(find cpp benchmarks ci -name '*.h' -o -name '*.cc' -o -name '*.c' | sort)
fi
clang-format "${mode[@]}" "${files[@]}"
