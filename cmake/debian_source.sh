#!/bin/bash
# Downloads the original archive of a Debian source package, and changes nothing on the machine:
#
#   debian_source.sh PACKAGE FOLDER [SHA256 ...]
#
# leaves PACKAGE_VERSION.orig.tar.* in FOLDER. Without sums it is what the machine's release has. With
# sums it is an archive that has one of them, the first the best; where the release has none, the
# other suites of the same mirrors are asked: the newer ones, then the older.
#
# apt-get is given lists of sources of its own, made from the machine's: the same places, the same
# keys, asked for sources instead of programs. Lists and caches go into a temporary folder. Needs no
# root. apt checks the archive against the signed index, and takes no index that is not signed by a
# key that the machine trusts for that place; the caller checks the archive against its pin.
set -euo pipefail

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

if (($# < 2)); then
  echo "usage: ${0##*/} PACKAGE FOLDER [SHA256 ...]" >&2
  exit 1
fi
package=$1
folder=$2
sums=("${@:3}")

command -v apt-get >/dev/null && command -v apt-cache >/dev/null && command -v apt-config >/dev/null ||
  fail "no apt-get here: only Debian and its relatives carry source packages"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"

# apt_in PLACE: sets APT, options that keep apt to that folder of ours.
apt_in() {
  local place=$work/$1
  mkdir -p "$place/sources" "$place/lists/partial" "$place/cache/archives/partial"
  # The sandbox user of apt may not look into a folder of ours: then it would only warn and go on.
  APT=(
    -o Dir::Etc::sourcelist=/dev/null
    -o Dir::Etc::sourceparts="$place/sources"
    -o Dir::State::lists="$place/lists"
    -o Dir::Cache="$place/cache"
    -o APT::Sandbox::User="$(id -un)"
    -o Acquire::Languages=none
    -o Acquire::Retries=2
    -o Acquire::http::Timeout=20
    -o Acquire::https::Timeout=20
    -o Dpkg::Use-Pty=0
  )
}

# One-line form: "deb [options] place suite parts".
one_line() {
  local entry='^[[:space:]]*deb(-src)?[[:space:]]'
  sed -nE "/$entry/{/[[:space:]]cdrom:/d;s/$entry/deb-src /p}" "$1"
}

# deb822 form: paragraphs of fields. Those with "Enabled: no" are left out; a key that is written
# into the field Signed-By itself, over several lines, is kept as it stands.
paragraphs() {
  awk '
    function flush() { if (text != "" && enabled && !cdrom) printf "%s\n", text; start() }
    function start() { text = ""; enabled = 1; cdrom = 0 }
    BEGIN { start() }
    /^#/ { next }
    /^[[:space:]]*$/ { flush(); next }
    {
      field = tolower($0)
      if (field ~ /^types:/) $0 = "Types: deb-src"
      if (field ~ /^enabled:[[:space:]]*(no|false|0|off|without|disable)/) enabled = 0
      if (field ~ /^uris:[[:space:]]*cdrom:/) cdrom = 1
      text = text $0 "\n"
    }
    END { flush() }' "$1"
}

# The machine's own places, asked for sources.
write_own_places() {
  local count=0 file
  apt_in own
  for file in "$list" "$parts"/*.list "$parts"/*.sources; do
    [[ -r $file ]] || continue
    count=$((count + 1))
    case $file in
      *.sources) paragraphs "$file" >"$work/own/sources/$count.sources" ;;
      *) one_line "$file" >"$work/own/sources/$count.list" ;;
    esac
  done
  find "$work/own/sources" -empty -type f -delete
  [[ -n $(ls -A "$work/own/sources") ]] || fail "found no place to ask in $list and $parts"
}

# write_places_of SUITE: those of the machine's own places that have its release, asked for SUITE.
write_places_of() {
  local suite=$1 file release
  release=$(sed -nE 's/^VERSION_CODENAME="?([^"]*)"?$/\1/p' /etc/os-release 2>/dev/null)
  release="(${release:-stable}|stable|oldstable|oldoldstable)"
  apt_in "$suite"
  for file in "$work"/own/sources/*; do
    case $file in
      *.sources)
        awk -v release="^$release\$" -v suite="$suite" '
          function flush() { if (text != "" && has) printf "%s\n", text; text = ""; has = 0 }
          /^[[:space:]]*$/ { flush(); next }
          tolower($0) ~ /^suites:/ {
            for (i = 2; i <= NF; i++) if ($i ~ release) has = 1
            $0 = "Suites: " suite
          }
          { text = text $0 "\n" }
          END { flush() }' "$file"
        ;;
      *)
        sed -nE "s/^(deb-src[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]+[[:space:]]+)$release([[:space:]])/\1$suite\4/p" \
          "$file"
        ;;
    esac >"$work/$suite/sources/${file##*/}"
  done
  find "$work/$suite/sources" -empty -type f -delete
}

# update PLACE: whether any place there answered with an index. One that keeps no sources, or does not
# answer, is no reason to stop.
update() {
  apt_in "$1"
  [[ -n $(ls -A "$work/$1/sources") ]] || return 1
  apt-get "${APT[@]}" -qq update >>"$work/log" 2>&1 || true
  compgen -G "$work/$1/lists/*Release" >/dev/null
}

# version_of SUM PLACE: the version of the package whose archive has that sum there.
version_of() {
  apt_in "$2"
  apt-cache "${APT[@]}" showsrc --only-source "$package" 2>/dev/null |
    awk -v sum="$1" '
      /^Version:/ { version = $2 }
      $1 == sum && $3 ~ /\.orig\.tar\.[a-z0-9]+$/ && !found { print version; found = 1 }'
}

# download PLACE [VERSION]
download() {
  apt_in "$1"
  mkdir -p "$work/got"
  (cd "$work/got" && apt-get "${APT[@]}" -qq source --download-only --tar-only \
    "$package${2:+=$2}") >>"$work/log" 2>&1 || return 1
  mkdir -p "$folder"
  mv "$work/got/${package}"_*.orig.tar.* "$folder/"
}

# download_pinned PLACE: what has one of the sums, the first the best.
download_pinned() {
  local sum version
  for sum in "${sums[@]}"; do
    version=$(version_of "$sum" "$1")
    if [[ -n $version ]] && download "$1" "$version"; then return 0; fi
  done
  return 1
}

write_own_places
if ! update own; then
  cat "$work/log" >&2
  fail "no place of the machine's list answered"
fi
if ((${#sums[@]} == 0)); then
  if ! download own; then
    cat "$work/log" >&2
    fail "apt-get got no source package '$package'"
  fi
  exit 0
fi
if download_pinned own; then exit 0; fi
suites=(testing unstable stable oldstable)
if grep -q '^ID="\?ubuntu' /etc/os-release 2>/dev/null; then suites=(devel); fi
for suite in "${suites[@]}"; do
  write_places_of "$suite"
  if update "$suite" && download_pinned "$suite"; then exit 0; fi
done
refused=$(grep '^E: Failed to fetch' "$work/log" | sort -u | tail -n 2 || true)
fail "neither the release nor ${suites[*]} has a source package '$package' of a pinned version" \
  "that can be had${refused:+; }${refused//$'\n'/; }"
