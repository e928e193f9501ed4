#!/bin/bash
# Builds and runs the whole suite under sanitizers: AddressSanitizer with UndefinedBehaviorSanitizer
# (asan), ThreadSanitizer (tsan). Their run-time options are in CMakePresets.json.
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

# The sanitizers' shadow memory lies at fixed addresses. Kernels that move programs about by more
# than 28 bits put something else there now and then: such a program dies at its start.
runner=()
if [[ $(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28) -gt 28 ]]; then
  if setarch -R true 2>/dev/null; then
    runner=(setarch -R)
  else
    say "this kernel moves programs widely and setarch -R is refused: expect early deaths"
  fi
fi

for preset in "${presets[@]}"; do
  configure "$preset"
  build "$preset"
  "${runner[@]}" ctest --preset "$preset" --parallel "$JOBS"
done
