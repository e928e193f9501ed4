#!/bin/bash
# Installs the release build into a temporary folder and uses it as a stranger would: a project
# outside the tree builds against it, with CMake and with pkg-config, and runs.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" binutils
configure release
build release alkaid alkaid_testing alkaid_command alkaid_malloc

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
say "installing into a temporary folder"
cmake --install build/release --prefix "$work/first" >/dev/null
# Moved once: nothing installed may remember where it was put.
mv "$work/first" "$prefix"
libraries=$(dirname "$(find "$prefix" -name libalkaid.so)")
export PKG_CONFIG_PATH=$libraries/pkgconfig

say "the library's symbols"
allocators=()
for allocator in jemalloc mimalloc; do
  if grep -qi "ALKAID_HAVE_$allocator:INTERNAL=ON" build/release/CMakeCache.txt; then
    allocators+=("$allocator")
  fi
done
ci/check_symbols.sh "$libraries/libalkaid.so" "${allocators[@]}"

say "the scripts for perf, by the link that is the command"
"$prefix/bin/alkaid-perf-record" --help >/dev/null || fail "alkaid-perf-record does not start"

say "the installed headers: none internal, each compiles alone"
mapfile -t headers < <(cd "$prefix/include" && find alkaid -name '*.h' | sort)
((${#headers[@]})) || fail "no header was installed"
for header in alkaid/core/memory.h alkaid/base/version.h; do
  [[ -f $prefix/include/$header ]] || fail "$header was not installed"
done
for header in "${headers[@]}"; do
  [[ $header != *_internal.h ]] || fail "$header is internal and was installed"
  printf '#include <%s>\n' "$header" >"$work/$(tr / _ <<<"${header%.h}").cc"
done
read -ra flags <<<"$(pkg-config --cflags alkaid)"
# The double of Arrow's headers serves arrow_pool.h.
printf '%s\0' "$work"/alkaid_*.cc |
  xargs -0 -n 1 -P "$JOBS" c++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only "${flags[@]}" \
    -idirafter cpp/fixtures

say "a consumer by find_package"
cp -r ci/consumer "$work/consumer"
cmake -S "$work/consumer" -B "$work/by_cmake" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1 ||
  { cat "$work/log" && fail "it does not configure"; }
cmake --build "$work/by_cmake" >"$work/log" 2>&1 ||
  { cat "$work/log" && fail "it does not build"; }
"$work/by_cmake/consumer"
"$work/by_cmake/consumer_testing" --gtest_brief=1

say "a consumer by pkg-config"
read -ra libs <<<"$(pkg-config --libs alkaid)"
c++ -std=c++20 -O2 "$work/consumer/consumer.cc" -o "$work/by_pkg_config" "${flags[@]}" "${libs[@]}"
LD_LIBRARY_PATH=$libraries "$work/by_pkg_config"

say "consumers in C, by find_package and by pkg-config with plain cc"
cp -r ci/consumer_c "$work/consumer_c"
cmake -S "$work/consumer_c" -B "$work/c_by_cmake" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1 ||
  { cat "$work/log" && fail "it does not configure"; }
cmake --build "$work/c_by_cmake" >"$work/log" 2>&1 ||
  { cat "$work/log" && fail "it does not build"; }
"$work/c_by_cmake/consumer_c"
cc -std=c99 -pedantic -Wall -Wextra -Wstrict-prototypes -Werror "$work/consumer_c/consumer.c" \
  -o "$work/c_by_pkg_config" "${flags[@]}" "${libs[@]}"
LD_LIBRARY_PATH=$libraries "$work/c_by_pkg_config"
version=$(pkg-config --modversion alkaid)
grep -q "\"$version\"" "$prefix/include/alkaid/base/version.h" ||
  fail "alkaid.pc says version $version, version.h another"

say "gdb's commands, from the installed tree"
# in_gdb [option...]: what `alkaid pools` prints where the consumer has used its pools.
in_gdb() {
  LD_LIBRARY_PATH=$libraries gdb -nx -batch -iex "set debuginfod enabled off" "$@" \
    -ex "catch syscall exit_group" -ex run -ex "alkaid pools" "$work/by_pkg_config" 2>&1 || true
}
# Whether gdb can run a program here.
traces() {
  [[ $(gdb -nx -batch -ex starti -ex "info registers pc" "$(command -v true)" 2>&1) == *pc*0x* ]]
}
if ! command -v gdb >/dev/null; then
  say "skipped: gdb is not installed"
elif ! traces; then
  say "skipped: gdb cannot trace a program here"
else
  declined=$(in_gdb)
  grep -q "auto-loading has been declined" <<<"$declined" ||
    { printf '%s\n' "$declined" && fail "gdb does not find the commands beside the library"; }
  for how in "add-auto-load-safe-path $prefix" "source $prefix/share/alkaid/gdb/alkaid_gdb.py"; do
    listed=$(in_gdb -iex "$how")
    grep -q "live bytes" <<<"$listed" ||
      { printf '%s\n' "$listed" && fail "no 'alkaid pools' in gdb after: $how"; }
  done
  [[ -z $(find "$prefix" -name __pycache__) ]] || fail "loading the commands left files behind"
fi

if [[ -x $prefix/bin/alkaid ]]; then
  say "the installed command"
  "$prefix/bin/alkaid" info >/dev/null
  "$prefix/bin/alkaid" run --track --heap-at-exit "$work/true.heap" -- ls / >/dev/null
  shown=$("$prefix/bin/alkaid" heap show "$work/true.heap")
  grep -q "malloc" <<<"$shown" ||
    fail "'alkaid run --track' from the installed tree saw nothing of malloc"
  # A file of no stamps has nothing to draw: that it is the script which says so shows that it was found.
  printf '\x93NUMPY\1\0\x46\0%-69s\n' \
    "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 2), }" >"$work/none.npy"
  drawn=$("$prefix/bin/alkaid" profile report "$work/none.npy" --plot "$work/none.svg" 2>&1 || true)
  grep -Eq "plot_leak_profile: (the profile has no figures|.*python3-matplotlib)" <<<"$drawn" ||
    fail "'alkaid profile report --plot' from the installed tree does not reach its script: $drawn"
  [[ -z $(find "$prefix" -name __pycache__) ]] || fail "drawing left files behind"
fi
say "the installed library is sound"
