#!/bin/bash
# Builds the Debian packages, for the release that it runs on: libalkaid0, libalkaid-dev, alkaid-tools,
# python3-alkaid, and the debug symbols of each. They are left in build/packages, with the .changes and
# .buildinfo of dpkg-buildpackage.
#
# What the build needs is installed if it is missing. It takes as long as a first build of the release
# preset; ccache, where it is installed, makes the next one short.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly PACKAGES=$ROOT/build/packages
readonly SOURCE=$PACKAGES/alkaid

ensure_packages "${BUILD_PACKAGES[@]}" build-essential debhelper dh-python dpkg-dev

version=$(sed -nE 's/^project\(alkaid VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
[[ $(dpkg-parsechangelog -l packaging/debian/changelog -S Version) == "$version" ]] ||
  fail "packaging/debian/changelog does not begin with version $version, which CMakeLists.txt has"

# A copy of the source: dpkg-buildpackage wants debian/ at its top, and leaves its work there.
mkdir -p "$PACKAGES"
rm -rf "$SOURCE" "$PACKAGES"/*.{deb,changes,buildinfo}
mkdir "$SOURCE"
cp -r CMakeLists.txt CMakePresets.json CHANGELOG.md LICENSE README.md benchmarks ci cmake cpp docs \
  "$SOURCE"
cp -r packaging/debian "$SOURCE/debian"
# Packages of two releases are told apart, and the newer release's win: 0.1.0~debian12, 0.1.0~debian13.
suffix=$(source /etc/os-release && printf '%s' "$ID${VERSION_ID-}")
sed -i "1s/($version)/($version~$suffix)/" "$SOURCE/debian/changelog"

say "building the packages in build/packages, which takes about 5 minutes on two cores"
# Times in the packages are of the last commit, where that is known: equal sources make equal packages.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
(cd "$SOURCE" && dpkg-buildpackage -b -us -uc -j"$JOBS") >"$PACKAGES/build.log" 2>&1 ||
  { tail -n 60 "$PACKAGES/build.log" >&2 && fail "the packages do not build; build/packages/build.log"; }
rm -rf "$SOURCE"
say "made:"
(cd "$PACKAGES" && ls -sh -- *.deb) >&2
