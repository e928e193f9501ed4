#!/bin/bash
# Builds the release preset and packs what it installs, to be unpacked anywhere on a machine of the same
# release: in build/tarballs, alkaid-VERSION-RELEASE-x86_64.tar.gz, and the debug files apart in
# ...-debug.tar.gz, to be unpacked over it. It needs Abseil's libraries, the command libdw and OpenSSL's
# too, as Debian has them (docs/building.md).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ensure_packages "${BUILD_PACKAGES[@]}" binutils
configure release -DALKAID_WITH_JEMALLOC=ON -DALKAID_WITH_MIMALLOC=ON
targets=(alkaid alkaid_testing alkaid_command alkaid_malloc)
# The man pages and completions, which a cross build has not.
! grep -q '^build alkaid_command_docs:' build/release/build.ninja || targets+=(alkaid_command_docs)
build release "${targets[@]}"

readonly TARBALLS=$ROOT/build/tarballs
version=$(sed -nE 's/^project\(alkaid VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
release=$(source /etc/os-release && printf '%s' "$ID${VERSION_ID-}")
name=alkaid-$version-$release-$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$TARBALLS"

# pack FILE [cmake --install arguments]
pack() {
  local file=$TARBALLS/$1
  shift
  rm -rf "${work:?}/$name"
  cmake --install build/release --prefix "$work/$name" "$@" >/dev/null
  tar -C "$work" --owner=0 --group=0 --sort=name -czf "$file" "$name"
  say "made $(du -h "$file")"
}
pack "$name.tar.gz"
pack "$name-debug.tar.gz" --component debug
