#!/bin/bash
# Builds and runs the whole suite under sanitizers: AddressSanitizer with UndefinedBehaviorSanitizer
# (asan), ThreadSanitizer (tsan). Their run-time options are in CMakePresets.json.
#
# ThreadSanitizer searches for locks that are taken in two orders too, but in tests that fork
# (cmake/AlkaidForkingTests.cmake).
#
#   ci/sanitize.sh [asan] [tsan]      both when none is named
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

presets=("$@")
((${#presets[@]})) || presets=(asan tsan)
for preset in "${presets[@]}"; do
  [[ $preset == asan || $preset == tsan ]] || fail "'$preset' is neither asan nor tsan"
done

ensure_packages "${BUILD_PACKAGES[@]}"
use_test_data

sanitizer_runner
for preset in "${presets[@]}"; do
  configure "$preset"
  build "$preset"
  "${RUNNER[@]}" ctest --preset "$preset" --parallel "$JOBS" | tee "build/$preset-ctest.log"
done
