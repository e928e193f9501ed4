#!/bin/bash
# Builds the Debian packages in a bare system of a release, has lintian look at them, installs them into
# another bare one and uses them there: the command, CMake's package and pkg-config's, gdb's commands, the
# man pages, the module of Python. Then removes them, and nothing may be left.
#
#   ci/check_packages.sh [SUITE]     the release that this is where none is named; trixie, bookworm
#
# Takes root, the distribution's mirror, and ten minutes on two cores. The packages of what is committed
# here are left in build/packages-SUITE.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source ci/roots.sh
in_own_mounts "$@"

(($# <= 1)) && [[ ${1-x} ]] || fail "usage: ci/check_packages.sh [SUITE]"
suite=${1-$(source /etc/os-release && printf '%s' "$VERSION_CODENAME")}
readonly PACKAGES=$ROOT/build/packages-$suite
pristine "$suite"
trap leave_layer EXIT

# there command...: in the bare system; quiet unless it fails.
there() {
  mkdir -p "$LAYER/root/work"
  enter /root/work "$@" >"$LAYER/root/log" 2>&1 || {
    mkdir -p "$PACKAGES"
    cp "$LAYER/root/log" "$PACKAGES/failed.log"
    cp "$LAYER/root/work/build/packages/build.log" "$PACKAGES" 2>/dev/null || true
    tail -n 40 "$LAYER/root/log" >&2
    fail "in a bare $suite failed: $*"
  }
}
installed() { (cd "$LAYER" && find . -xdev -not -path './root/*' -not -path './var/*' | sort); }
# install NAME...: ours, where there is one of that name, else the distribution's.
install() {
  local name packages=()
  for name in "$@"; do
    if [[ -n $(compgen -G "$LAYER/packages/${name}_*.deb") ]]; then
      packages+=("/packages/$(cd "$LAYER/packages" && echo "${name}"_*.deb)")
    else
      packages+=("$name")
    fi
  done
  there apt-get -qq install -y --no-install-recommends "${packages[@]}"
}

say "$suite: building the packages"
lay_over "$suite"
git clone --quiet --no-hardlinks "$ROOT" "$LAYER/root/work"
there ci/make_packages.sh
there apt-get -qq install -y --no-install-recommends lintian
say "$suite: lintian"
# What is left out is of uploads to Debian, which these are none of.
there lintian --allow-root --fail-on error,warning --tag-display-limit 0 --suppress-tags \
  initial-upload-closes-no-bugs,bogus-mail-host,bogus-mail-host-in-debian-changelog \
  $(cd "$LAYER/root/work" && echo build/packages/*.changes)
rm -rf "$PACKAGES"
mkdir -p "$PACKAGES"
cp "$LAYER"/root/work/build/packages/*.{deb,changes,buildinfo} "$PACKAGES"
leave_layer

lay_over "$suite"
mkdir "$LAYER/packages"
cp "$PACKAGES"/*.deb "$LAYER/packages"
there apt-get -qq update
say "$suite: the command alone"
before=$(installed)
install libalkaid0 alkaid-tools
there alkaid info
there alkaid demo
there alkaid run --track --heap-at-exit ls.heap -- ls /
there alkaid heap show ls.heap
grep -q malloc "$LAYER/root/log" || fail "'alkaid run --track' saw nothing of malloc"
there alkaid-perf-record --help
for command in "$LAYER"/usr/bin/alkaid*; do
  [[ -s $LAYER/usr/share/man/man1/${command##*/}.1.gz ]] || fail "${command##*/} has no man page"
done
there apt-get -qq purge -y --autoremove alkaid-tools libalkaid0
left=$(comm -13 <(printf '%s\n' "$before") <(installed))
[[ -z $left ]] || fail "the packages leave behind: $left"

say "$suite: a first program, by CMake and by pkg-config"
install libalkaid0 libalkaid-dev alkaid-tools g++ cmake make pkg-config
there cp -r /usr/share/doc/libalkaid-dev/examples samples
there cmake -S samples -B build -DCMAKE_BUILD_TYPE=Debug
there cmake --build build --parallel 2
there ./build/quickstart
[[ $(head -n 1 "$LAYER/root/log") == world ]] || fail "quickstart does not run"
there make -C samples quickstart
there samples/quickstart

say "$suite: gdb, the module of Python, and names from the debug symbols"
install gdb python3-alkaid libalkaid0-dbgsym
there gdb -nx -batch -iex "set debuginfod enabled off" -ex "catch syscall exit_group" -ex run \
  -ex "alkaid pools" -ex "info line alkaid::internal::MakeStatus" build/quickstart
grep -q "live bytes" "$LAYER/root/log" || { cat "$LAYER/root/log" >&2 && fail "gdb loads no commands"; }
grep -q 'Line .* of ".*status.cc"' "$LAYER/root/log" || { cat "$LAYER/root/log" >&2 && fail "gdb finds no debug symbols"; }
there python3 -c 'import alkaid; print(alkaid.__version__)'
grep -qx "$(sed -nE 's/^project\(alkaid VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)" "$LAYER/root/log" ||
  fail "the module of Python is of another version"
say "the packages are clean, and serve a bare $suite"
