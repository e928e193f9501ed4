#!/bin/bash
# Runs ci/demo.sh twice and ci/test.sh as a newcomer would, in the smallest system that debootstrap
# makes of a distribution, from a clean clone of what is committed here.
#
#   ci/check_distributions.sh [SUITE...]    trixie where none is named; bookworm, or noble (of Ubuntu)
#
# Takes root, the packages of the distribution's own mirror, 5 GB of disk, and an hour for each suite on
# two cores. The pristine system stays in the cache, in roots/SUITE, and is never written to: each run
# works on a layer above it, which goes with the run. Archives of allocators that ALKAID_JEMALLOC_URL and
# ALKAID_MIMALLOC_URL name, files too, are taken there as well. Prints the seconds that each command took,
# by the clock and of processors, and how many tests passed; fails where a command fails or a warning is
# printed. The logs are in build/distributions.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

((EUID == 0)) || fail "takes root: it makes systems of other distributions and enters them"
if [[ -z ${ALKAID_IN_OWN_MOUNTS-} ]]; then
  ensure_packages debootstrap git
  # What is mounted below is gone when the last process here has ended.
  cd "$CALLER_FOLDER"
  ALKAID_IN_OWN_MOUNTS=yes exec unshare --mount --propagation private -- "$ROOT/ci/${0##*/}" "$@"
fi

suites=("$@")
((${#suites[@]})) || suites=(trixie)
readonly ROOTS=${ALKAID_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/alkaid}/roots
readonly LOGS=$ROOT/build/distributions
mkdir -p "$ROOTS" "$LOGS"
TIMEFORMAT='%R %U %S'

# pristine SUITE: makes the smallest system of it, once.
pristine() {
  local suite=$1 arguments=()
  [[ -r /usr/share/debootstrap/scripts/$suite ]] || fail "debootstrap knows no suite '$suite'"
  [[ ! -e $ROOTS/$suite ]] || return 0
  # Ubuntu has in a section of its own what Debian has in the first.
  if grep -q ubuntu "/usr/share/debootstrap/scripts/$suite"; then
    arguments=("--components=main,universe")
    ensure_packages ubuntu-keyring
  fi
  say "making a bare $suite, once"
  rm -rf "$ROOTS/$suite.new"
  debootstrap --variant=minbase "${arguments[@]}" "$suite" "$ROOTS/$suite.new" \
    >"$LOGS/$suite-debootstrap.log" 2>&1 || {
    tail -n 20 "$LOGS/$suite-debootstrap.log" >&2
    fail "debootstrap did not make $suite"
  }
  mv "$ROOTS/$suite.new" "$ROOTS/$suite"
}

# enter ROOT command...: runs it there, in the folder of the clone, with nothing of this environment but
# where a proxy is and where archives are.
enter() {
  local root=$1 kept=() name
  shift
  for name in http_proxy https_proxy no_proxy ALKAID_JEMALLOC_URL ALKAID_MIMALLOC_URL; do
    [[ -z ${!name-} ]] || kept+=("$name=${!name}")
    if [[ $name == ALKAID_* && -f ${!name-} ]]; then
      mkdir -p "$root/root/archives"
      cp -n "${!name}" "$root/root/archives"
      kept[-1]="$name=/root/archives/$(basename "${!name}")"
    fi
  done
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "${kept[@]}" \
    sh -c 'cd /root/alkaid && exec "$@"' sh "$@"
}

# timed LOG ROOT command...: sets TOOK to what it took; true where the command succeeded.
timed() {
  local log=$LOGS/$1 code=0
  shift
  { time enter "$@" >"$log" 2>&1 || code=$?; } 2>"$LOGS/time"
  TOOK=$(awk '{printf "%.0f s, %.0f s of processors", $1, $2 + $3}' "$LOGS/time")
  return "$code"
}

# What lies above the pristine system now; gone when the script ends, however it does.
layer=
leave() {
  [[ -n $layer ]] || return 0
  umount --lazy --recursive "$layer/root" 2>/dev/null || true
  rm -rf --one-file-system "$layer"
  layer=
}
trap leave EXIT

failed=0
complain() {
  say "$*"
  failed=1
}

# try_suite SUITE: prints a line for each thing that was tried.
try_suite() {
  local suite=$1 root
  pristine "$suite"
  layer=$(mktemp -d "$ROOTS/layer.XXXXXX")
  root=$layer/root
  mkdir "$layer/upper" "$layer/work" "$root"
  mount -t overlay overlay \
    -o "lowerdir=$ROOTS/$suite,upperdir=$layer/upper,workdir=$layer/work" "$root" ||
    fail "the cache $ROOTS lies where nothing can be laid over a folder: name another by ALKAID_CACHE_DIR"
  mount --bind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  git clone --quiet --no-hardlinks "$ROOT" "$root/root/alkaid"

  local log=$suite-demo.log
  say "$suite: ci/demo.sh"
  if timed "$log" "$root" ./ci/demo.sh; then
    echo "$suite: ci/demo.sh, the first time: $TOOK"
  else
    tail -n 30 "$LOGS/$log" >&2
    complain "$suite: ci/demo.sh failed after $TOOK: $LOGS/$log"
    return
  fi
  if grep -n 'warning:' "$LOGS/$log"; then complain "$suite: ci/demo.sh prints warnings"; fi
  if timed "$suite-demo-again.log" "$root" ./ci/demo.sh; then
    echo "$suite: ci/demo.sh, the second time: $TOOK"
  else
    complain "$suite: ci/demo.sh failed the second time: $LOGS/$suite-demo-again.log"
  fi
  # What it says to try next.
  log=$suite-next.log
  if timed "$log" "$root" sh -ec "$(sed -n 's/^     //p' "$LOGS/$suite-demo-again.log")"; then
    echo "$suite: what ci/demo.sh says to try next: $TOOK"
  else
    complain "$suite: what ci/demo.sh says to try next failed: $LOGS/$log"
  fi

  log=$suite-test.log
  say "$suite: ci/test.sh"
  if ! timed "$log" "$root" ./ci/test.sh; then
    tail -n 30 "$LOGS/$log" >&2
    complain "$suite: ci/test.sh failed: $LOGS/$log"
  fi
  echo "$suite: ci/test.sh: $TOOK"
  sed -n '/tests passed/,$p' "$LOGS/$log"
  [[ -e $root/root/alkaid/build/dev-ctest.log ]] || return 0
  enter "$root" ./ci/check_skips.py dev build/dev-ctest.log ||
    complain "$suite: tests were skipped that should not be"
}

for suite in "${suites[@]}"; do
  try_suite "$suite"
  leave
done
exit "$failed"
