#!/bin/bash
# Unpacks the tarball of the release build into a temporary folder and uses it as a stranger would: a
# project outside the tree builds against it, with CMake and with pkg-config, and runs, and so do the
# samples.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" binutils
ci/make_tarball.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
say "unpacking the tarball"
mkdir "$prefix"
unpack() { tar -C "$prefix" --strip-components=1 -xzf "$1"; }
debug_tarball=(build/tarballs/*-debug.tar.gz)
unpack "${debug_tarball[0]%-debug.tar.gz}.tar.gz"
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

say "what is installed is small"
small=$(du -sm "$prefix" | cut -f 1)
((small <= 16)) || fail "an installed tree takes $small MB without debug files; 16 are allowed"

say "the scripts for perf, by the link that is the command"
"$prefix/bin/alkaid-perf-record" --help >/dev/null || fail "alkaid-perf-record does not start"

say "man pages and completion"
for file in man/man1/alkaid.1 man/man1/alkaid-heap-show.1 bash-completion/completions/alkaid \
  zsh/site-functions/_alkaid fish/vendor_completions.d/alkaid.fish; do
  [[ -s $prefix/share/$file ]] || fail "share/$file was not installed"
done

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

say "an older C++ than Alkaid needs: one error that says so"
for header in core/memory columns dgram events growth heap interop; do
  printf '#include <alkaid/%s.h>\n' "$header" >"$work/old.cc"
  for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || continue
    said=$("$compiler" -std=c++17 -fsyntax-only "${flags[@]}" "$work/old.cc" 2>&1 || true)
    # And the missing header that ends it.
    [[ $(grep error: <<<"$said" | head -n 1) == *"Alkaid needs C++20: compile with -std=c++20"* ]] &&
      (($(grep -c error: <<<"$said") == 2)) ||
      fail "$compiler -std=c++17 on $header.h prints: $said"
  done
done

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

# The samples, from the installed tree alone, by CMake and by make with pkg-config. ccache, where it
# is, knows their paths in the folder that is another each time.
say "the samples, by a user's CMake"
export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
launcher=$(command -v ccache || true)
examples=$(dirname "$(find "$prefix" -name quickstart.cc)")
cp -r "$examples" "$work/samples"
cmake -S "$work/samples" -B "$work/samples/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DCMAKE_INSTALL_PREFIX="$work/programs" \
  >"$work/log" 2>&1 || { cat "$work/log" && fail "they do not configure"; }
cmake --build "$work/samples/build" --target install >"$work/log" 2>&1 ||
  { cat "$work/log" && fail "they do not build"; }
# Where they were built, where they were installed, and by what they were linked with.
quickstart() {
  [[ $(env -u LD_LIBRARY_PATH "$1" | head -n 1) == world ]] || fail "$1 does not run"
}
quickstart "$work/samples/build/quickstart"
quickstart "$work/programs/bin/quickstart"
built=("$work"/programs/bin/*)
((${#built[@]} + 2 >= $(find "$work/samples" -maxdepth 1 -name '*.c' -o -maxdepth 1 -name '*.cc' | wc -l))) ||
  fail "only ${#built[@]} of the samples were built"
say "the samples, by make and pkg-config"
# Some of them: the compiler sees the same as above.
make -C "$work/samples" -j"$JOBS" CC="$launcher cc" CXX="$launcher c++" CXXFLAGS= CFLAGS= \
  quickstart first_cache first_average columns exchange c_read \
  >"$work/log" 2>&1 || { cat "$work/log" && fail "they do not build"; }
quickstart "$work/samples/quickstart"

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

# Functions of the library in a report: by its symbol table alone, then with lines of the debug files.
say "names of the library's functions, and its debug files, unpacked over it"
# function_in_report: where the report has an internal function of the library.
function_in_report() {
  local all=()
  ! "$prefix/bin/alkaid" heap show --help | grep -q -e --all-frames || all=(--all-frames)
  "$prefix/bin/alkaid" heap show "${all[@]}" "$work/kept.heap" | grep -m 1 "PoolCounters::FindLine" ||
    true
}
"$prefix/bin/alkaid" run --track --heap-at-exit "$work/kept.heap" -- "$work/samples/quickstart" \
  >/dev/null
found=$(function_in_report)
[[ $found == *"PoolCounters::FindLine in libalkaid.so"* ]] ||
  fail "without debug files the report does not name the library's functions: '$found'"
unpack "${debug_tarball[0]}"
found=$(function_in_report)
[[ $found == *"PoolCounters::FindLine at "*thread_counters.cc:* ]] ||
  fail "with debug files the report has no lines of the library: '$found'"
for file in "$(readlink -f "$libraries/libalkaid.so")" "$libraries/alkaid/libalkaid_malloc.so" \
  "$prefix/bin/alkaid"; do
  debug=${file%/*}/.debug/${file##*/}.debug
  [[ $(readelf -SW "$file") != *.debug_info* ]] || fail "$file was installed with debug information"
  [[ $(readelf -p .gnu_debuglink "$file") == *"${debug##*/}"* ]] || fail "$file names no ${debug##*/}"
  cmp <(readelf -n "$file" | grep "Build ID") <(readelf -n "$debug" | grep "Build ID") ||
    fail "$debug is another build's"
done
if command -v gdb >/dev/null; then
  line=$(gdb -nx -batch -iex "set debuginfod enabled off" \
    -ex "info line alkaid::internal::MakeStatus" "$libraries/libalkaid.so" 2>&1 || true)
  grep -q 'Line .* of ".*status.cc"' <<<"$line" || fail "gdb does not find the debug file: $line"
fi
say "the installed library is sound"
