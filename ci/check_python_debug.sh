#!/bin/bash
# Runs the tests of the Python module in a debug build of CPython, which checks reference counts, the
# use of the C API and freed objects. The module and numpy are those of the ordinary build: a debug
# build has the same ABI, and looks for other names.
#
#   ci/check_python_debug.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}" python3-dbg
configure dev
build dev alkaid_python alkaid_command
use_test_data

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
numpy=$(/usr/bin/python3 -c 'import os, numpy; print(os.path.dirname(numpy.__file__))')
tag=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
cp -r "$numpy" "$work/numpy"
find "$work/numpy" -name "*$tag" | while read -r file; do mv "$file" "${file%"$tag"}.so"; done

say "in $(/usr/bin/python3-dbg --version), a debug build"
PYTHONPATH=$ROOT/build/dev/python:$work /usr/bin/python3-dbg -X dev -B -m pytest -q -rs \
  -p no:cacheprovider cpp/python/tests
