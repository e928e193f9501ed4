# Bare systems of distributions, to try things in as on somebody else's machine: sourced after common.sh.
#
# The pristine system of a suite is made once by debootstrap and stays in the cache, in roots/SUITE. It is
# never written to: what enters works on a layer above it, which goes with the script. Takes root.

readonly ROOTS=${ALKAID_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/alkaid}/roots

# in_own_mounts "$@": starts the script anew in a mount namespace of its own. What it mounts there is gone
# when its last process has ended.
in_own_mounts() {
  ((EUID == 0)) || fail "takes root: it makes systems of distributions and enters them"
  [[ -z ${ALKAID_IN_OWN_MOUNTS-} ]] || return 0
  cd "$CALLER_FOLDER"
  ALKAID_IN_OWN_MOUNTS=yes exec unshare --mount --propagation private -- "$ROOT/ci/${0##*/}" "$@"
}

# pristine SUITE: makes the smallest system of it, once.
pristine() {
  local suite=$1 arguments=()
  [[ ! -e $ROOTS/$suite ]] || return 0
  ensure_packages debootstrap
  [[ -r /usr/share/debootstrap/scripts/$suite ]] || fail "debootstrap knows no suite '$suite'"
  # Ubuntu has in a section of its own what Debian has in the first.
  if grep -q ubuntu "/usr/share/debootstrap/scripts/$suite"; then
    arguments=("--components=main,universe")
    ensure_packages ubuntu-keyring
  fi
  say "making a bare $suite, once"
  mkdir -p "$ROOTS"
  rm -rf --one-file-system "$ROOTS/$suite.new"
  debootstrap --variant=minbase "${arguments[@]}" "$suite" "$ROOTS/$suite.new" \
    >"$ROOTS/$suite.log" 2>&1 || {
    tail -n 20 "$ROOTS/$suite.log" >&2
    fail "debootstrap did not make $suite"
  }
  mv "$ROOTS/$suite.new" "$ROOTS/$suite"
}

# remove_left_layers: those of scripts that were killed, whose locks went with them.
remove_left_layers() {
  local folder lock
  for folder in "$ROOTS"/layer.*; do
    [[ -d $folder ]] || continue
    # One that has no lock yet was just made, unless it is old.
    [[ -e $folder/lock || -n $(find "$folder" -maxdepth 0 -mmin +10) ]] || continue
    exec {lock}>"$folder/lock"
    if flock --nonblock "$lock"; then rm -rf --one-file-system "$folder"; fi
    exec {lock}>&-
  done
}

# lay_over SUITE: sets LAYER to a system that is the suite's, until it is written to.
lay_over() {
  local folder
  remove_left_layers
  folder=$(mktemp -d "$ROOTS/layer.XXXXXX")
  exec {LAYER_LOCK}>"$folder/lock"
  flock "$LAYER_LOCK"
  LAYER=$folder/root
  mkdir "$folder/upper" "$folder/work" "$LAYER"
  mount -t overlay overlay \
    -o "lowerdir=$ROOTS/$1,upperdir=$folder/upper,workdir=$folder/work" "$LAYER" ||
    fail "the cache $ROOTS lies where nothing can be laid over a folder: name another by ALKAID_CACHE_DIR"
  mount --bind /proc "$LAYER/proc"
  mount --rbind /dev "$LAYER/dev"
  mount --rbind /sys "$LAYER/sys"
  cp /etc/resolv.conf "$LAYER/etc/resolv.conf"
  # debootstrap leaves it to packages, which leave it there when they go.
  [[ -e $LAYER/etc/hosts ]] || cp /etc/hosts "$LAYER/etc/hosts"
}

# leave_layer: removes it, with all that was written.
leave_layer() {
  [[ -n ${LAYER-} ]] || return 0
  umount --lazy --recursive "$LAYER" 2>/dev/null || true
  rm -rf --one-file-system "${LAYER%/root}"
  exec {LAYER_LOCK}>&-
  LAYER=
}

# enter FOLDER command...: runs it in the folder of LAYER, with nothing of this environment but where a
# proxy is, and where archives of allocators are: files are taken there.
enter() {
  local folder=$1 kept=() name
  shift
  for name in http_proxy https_proxy no_proxy ALKAID_JEMALLOC_URL ALKAID_MIMALLOC_URL; do
    [[ -n ${!name-} ]] || continue
    if [[ $name == ALKAID_* && -f ${!name} ]]; then
      mkdir -p "$LAYER/root/archives"
      cp -n "${!name}" "$LAYER/root/archives"
      kept+=("$name=/root/archives/$(basename "${!name}")")
    else
      kept+=("$name=${!name}")
    fi
  done
  chroot "$LAYER" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    DEBIAN_FRONTEND=noninteractive "${kept[@]}" sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
}
