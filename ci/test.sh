#!/bin/bash
# Builds everything in the dev preset, where warnings are errors, and runs all tests.
#
#   ci/test.sh [ctest arguments]      for example: ci/test.sh -R Slice
#
# ALKAID_TEST_DATA names a folder of real XTC2 files; when it is unset, one beside the checkout is
# taken. Without either, the tests of real files are skipped and say so.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
configure dev
build dev
use_test_data
tracing_runner
"${RUNNER[@]}" ctest --preset dev --parallel "$JOBS" "$@" | tee build/dev-ctest.log
