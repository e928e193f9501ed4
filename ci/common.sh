# Shared by the scripts of this folder: sourced, not run.
#
# Goes to the root of the checkout and offers the functions below. What a script needs it asks for
# by Debian's names; nothing is installed, and no list is updated, when all of it is there.
set -euo pipefail

readonly CALLER_FOLDER=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly ROOT=$PWD

JOBS=$(nproc)
readonly JOBS

# For the build itself. dpkg-dev is not among them: only archives are fetched, not unpacked by apt.
readonly BUILD_PACKAGES=(
  ca-certificates cmake g++ libabsl-dev libcli11-dev libdw-dev libgmock-dev libgtest-dev libssl-dev
  liburing-dev make ninja-build nlohmann-json3-dev pkg-config python3 python3-dev systemtap-sdt-dev
  bzip2 xz-utils
)

# For tests that look at processes from outside, that name the code of other compilers, that draw and
# read files as Python does, and that complete as shells do; without them they are skipped.
readonly TEST_PACKAGES=(bpftrace clang fish gdb heaptrack linux-perf mandoc python3-matplotlib
  python3-numpy python3-pytest zsh)

say() { printf '== %s\n' "$*" >&2; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# ensure_packages NAME...: installs those of the Debian packages that are missing.
ensure_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "no dpkg here: taking for granted what Debian calls $*"
    return
  fi
  local missing=() name
  for name in "$@"; do
    if [[ $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) != "install ok installed" ]]; then
      missing+=("$name")
    fi
  done
  ((${#missing[@]})) || return 0
  local root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail "installing Debian packages takes root or sudo; missing are: ${missing[*]}"
    root=(sudo)
  fi
  say "installing Debian packages, which takes a minute or two: ${missing[*]}"
  local log
  log=$(mktemp)
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update >"$log" 2>&1 &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      -o Dpkg::Use-Pty=0 "${missing[@]}" >>"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "installing Debian packages failed; all that apt-get said is in $log"
  }
  rm -f "$log"
}

# configure PRESET [cmake arguments]: quiet when nothing goes wrong. What an earlier run remembers of a
# tool that has gone since is no reason to fail: then it starts afresh.
configure() {
  local preset=$1
  shift
  mkdir -p build
  say "configuring build/$preset; the first time on a machine that builds jemalloc and mimalloc: a minute or two"
  cmake --preset "$preset" "$@" >"build/$preset-configure.log" 2>&1 ||
    cmake --fresh --preset "$preset" "$@" >"build/$preset-configure.log" 2>&1 || {
    cat "build/$preset-configure.log" >&2
    fail "configuring $preset failed"
  }
}

# build PRESET [target...]: all targets when none is named.
build() {
  local preset=$1
  shift
  say "building build/$preset"
  cmake --build --preset "$preset" --parallel "$JOBS" ${1:+--target "$@"} >&2
}

# in_preset PRESET command...: under the environment that CMakePresets.json gives to the preset's tests.
in_preset() {
  local variables
  mapfile -t variables < <(python3 -c '
import json, sys
for preset in json.load(open("CMakePresets.json"))["testPresets"]:
    if preset["name"] == sys.argv[1]:
        for name, value in preset.get("environment", {}).items():
            print(name + "=" + value.replace("${sourceDir}", sys.argv[2]))' "$1" "$ROOT")
  env "${variables[@]}" "${@:2}"
}

# sanitizer_runner: sets RUNNER, what a sanitized program is started through. The sanitizers' shadow
# memory lies at fixed addresses. Kernels that move programs about by more than 28 bits put something
# else there now and then: such a program dies at its start.
sanitizer_runner() {
  RUNNER=()
  if [[ $(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28) -gt 28 ]]; then
    if setarch -R true 2>/dev/null; then
      RUNNER=(setarch -R)
    else
      say "this kernel moves programs widely and setarch -R is refused: expect early deaths"
    fi
  fi
}

# tracing_runner: sets RUNNER, what tests of the kernel's tracing are started through. A fresh machine
# has no tracefs mounted. Root mounts it for the tests alone, in a mount namespace of their own; without
# root, or where the kernel refuses, those tests are skipped and say so.
tracing_runner() {
  RUNNER=()
  local folder=/sys/kernel/tracing
  [[ ! -e $folder/uprobe_events && -d $folder ]] && ((EUID == 0)) || return 0
  local mount=(unshare --mount -- sh -c 'mount -t tracefs nodev "$0" && exec "$@"' "$folder")
  if "${mount[@]}" true 2>/dev/null; then
    RUNNER=("${mount[@]}")
  else
    say "tracefs cannot be mounted here: tests that trace by the kernel are skipped"
  fi
}

# Names a folder of real files beside the checkout, when there is one and the caller named none.
use_test_data() {
  if [[ -z ${ALKAID_TEST_DATA-} && -d $ROOT/../shared/data/xtc2 ]]; then
    ALKAID_TEST_DATA=$(cd "$ROOT/../shared/data/xtc2" && pwd)
    export ALKAID_TEST_DATA
  fi
}
