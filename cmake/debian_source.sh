#!/bin/bash
# Downloads the original archive of a Debian source package, and changes nothing on the machine:
#
#   debian_source.sh PACKAGE FOLDER     leaves PACKAGE_VERSION.orig.tar.* in FOLDER
#
# apt-get is given a list of sources of its own, made from the machine's: the same places, the same
# keys, asked for sources instead of programs. Lists and caches go into a temporary folder. Needs no
# root. apt checks the archive against the signed index; the caller checks it against its pin.
set -euo pipefail

if (($# != 2)); then
  echo "usage: ${0##*/} PACKAGE FOLDER" >&2
  exit 1
fi
package=$1
folder=$2

if ! command -v apt-get >/dev/null || ! command -v apt-config >/dev/null; then
  echo "${0##*/}: no apt-get here: only Debian and its relatives carry source packages" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial"

# The sandbox user of apt may not look into a folder of ours: then it would only warn and go on.
options=(
  -o Dir::Etc::sourcelist=/dev/null
  -o Dir::Etc::sourceparts="$work/sources"
  -o Dir::State::lists="$work/lists"
  -o Dir::Cache="$work/cache"
  -o APT::Sandbox::User="$(id -un)"
  -o Acquire::Languages=none
  -o Acquire::Retries=3
  -o Dpkg::Use-Pty=0
)

eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"

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

count=0
for file in "$list" "$parts"/*.list "$parts"/*.sources; do
  [[ -r $file ]] || continue
  count=$((count + 1))
  case $file in
    *.sources) paragraphs "$file" >"$work/sources/$count.sources" ;;
    *) one_line "$file" >"$work/sources/$count.list" ;;
  esac
done
find "$work/sources" -empty -type f -delete
if [[ -z $(ls -A "$work/sources") ]]; then
  echo "${0##*/}: found no place to ask in $list and $parts" >&2
  exit 1
fi

# A place that keeps no sources, or does not answer, is no reason to stop: the next line decides.
apt-get "${options[@]}" -qq update >"$work/log" 2>&1 || true

mkdir -p "$work/got"
if ! (cd "$work/got" && apt-get "${options[@]}" -qq source --download-only --tar-only \
  "$package") >>"$work/log" 2>&1; then
  cat "$work/log" >&2
  echo "${0##*/}: apt-get got no source package '$package'" >&2
  exit 1
fi

mkdir -p "$folder"
mv "$work/got/${package}"_*.orig.tar.* "$folder/"
