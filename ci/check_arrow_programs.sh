#!/bin/bash
# Compiles and runs the tests that are programs written for Apache Arrow C++ against Arrow itself:
# they are such programs, and what they expect is what happens there. The same files run against
# Alkaid among the tests. Then programs that use both libraries: pools across.
#
#   ci/check_arrow_programs.sh [PYTHON]    a Python that has pyarrow, whose package carries Arrow's
#                                          headers and library; python3 when not said
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# <= 1)) || fail 'usage: ci/check_arrow_programs.sh [PYTHON]'
ensure_packages "${BUILD_PACKAGES[@]}"
python=${1-python3}
[[ $python != */* ]] || python=$(cd "$CALLER_FOLDER" && realpath -s "$python")
arrow=$("$python" -c 'import os, pyarrow; print(os.path.dirname(pyarrow.__file__))') ||
  fail "$python has no pyarrow"
libraries=("$arrow"/libarrow{,_compute}.so.*)
library=$(compgen -G "$arrow/libarrow.so.*" | head -n 1) || fail "no libarrow in $arrow"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=()
for program in $(grep -l arrow_io_program.h cpp/tests/arrow_*_test.cc); do
  object=$work/$(basename "$program" .cc).o
  g++ -std=c++20 -Wall -Wextra -Werror -DALKAID_TEST_ON_ARROW -Icpp -isystem "$arrow/include" \
    -c "$program" -o "$object"
  objects+=("$object")
done
g++ "${objects[@]}" "$library" "-Wl,-rpath,$arrow" -lgtest -lgtest_main -pthread -o "$work/programs"
say "on $("$python" -c 'import pyarrow; print("Arrow", pyarrow.cpp_version)')"
"$work/programs" --gtest_brief=1

configure dev
build dev alkaid alkaid_testing
flags=(-std=c++20 -Wall -Wextra -Werror -Icpp -isystem "$arrow/include")
for program in ci/arrow_pool_program.cc cpp/alkaid/interop/arrow_pool_test.cc; do
  g++ "${flags[@]}" -c "$program" -o "$work/$(basename "$program" .cc).o"
done
read -ra absl <<<"$(pkg-config --libs absl_status absl_statusor absl_strings)"
g++ "$work"/arrow_pool_{program,test}.o build/dev/lib/libalkaid_testing.a \
  -Lbuild/dev/lib -lalkaid "-Wl,-rpath,$PWD/build/dev/lib" "${libraries[@]}" \
  "-Wl,-rpath,$arrow" -lgmock -lgtest "${absl[@]}" -pthread -o "$work/pools"
say "pools across"
"$work/pools" --gtest_brief=1

say "the sample"
g++ "${flags[@]}" docs/samples/arrow_pool.cc -Lbuild/dev/lib -lalkaid \
  "-Wl,-rpath,$PWD/build/dev/lib" "$library" "-Wl,-rpath,$arrow" "${absl[@]}" -o "$work/sample"
"$work/sample"
