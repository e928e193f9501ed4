#!/bin/bash
# Configures the build with each of the options that leave parts of it out, and with sources that no
# list names. Builds nothing.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" libbenchmark-dev
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# options NAME=VALUE ...
options() {
  say "configuring with $*"
  cmake -S . -B "$work/build" -G Ninja "${@/#/-D}" >"$work/log" 2>&1 ||
    { cat "$work/log" && fail "it does not configure with $*"; }
  rm -rf "$work/build"
}
options ALKAID_BUILD_TESTS=OFF
options ALKAID_BUILD_TESTS=OFF ALKAID_BUILD_BENCHMARKS=ON ALKAID_BUILD_TOOLS=OFF
options ALKAID_BUILD_TESTING_LIBRARY=OFF
options ALKAID_BUILD_TESTS=OFF ALKAID_BUILD_TESTING_LIBRARY=OFF ALKAID_BUILD_TOOLS=OFF \
  ALKAID_WITH_JEMALLOC=OFF ALKAID_WITH_MIMALLOC=OFF ALKAID_WITH_IO_URING=OFF \
  ALKAID_WITH_USDT=OFF ALKAID_WITH_LIBDW=OFF
options ALKAID_PCH=OFF ALKAID_UNITY_COMMAND=OFF

# A source in no list, in each kind of folder of a copy.
mkdir "$work/copy"
cp -r CMakeLists.txt CMakePresets.json LICENSE benchmarks ci cmake cpp docs "$work/copy"
for folder in cpp/alkaid/base cpp/alkaid/core/pools cpp/alkaid/heap cpp/fixtures cpp/tests \
  cpp/tools/dgram cpp/tools/gdb cpp/preload benchmarks; do
  planted=$work/copy/$folder/planted.cc
  touch "$planted"
  if cmake -S "$work/copy" -B "$work/build" -G Ninja -DALKAID_BUILD_BENCHMARKS=ON \
    >"$work/log" 2>&1; then
    fail "a source of $folder that no list names was not noticed"
  fi
  grep -q "planted.cc\|/$folder: " "$work/log" || { cat "$work/log" && fail "it failed otherwise"; }
  rm -rf "$planted" "$work/build"
done
say "every set of options configures, and planted sources are noticed"
