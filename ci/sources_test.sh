#!/bin/bash
# Checks where the archives of the allocators come from, with a mirror of Debian's form in a temporary
# folder: the order of the sources, the pins, and what is said where nobody has an archive.
#
#   ci/sources_test.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if ! command -v apt-get >/dev/null; then
  echo "skipped: no apt-get here"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
release=$(sed -nE 's/^VERSION_CODENAME="?([^"]*)"?$/\1/p' /etc/os-release)
newer=testing
if grep -q '^ID="\?ubuntu' /etc/os-release; then newer=devel; fi

# publish SUITE VERSION: the mirror gets a source package `sample` there. Its sum is in SUM[VERSION].
declare -A SUM
publish() {
  local suite=$1 version=$2 pool=$work/mirror/pool dists
  local archive=sample_$version.orig.tar.gz dsc=sample_$version-1.dsc
  dists=$work/mirror/dists/$suite
  mkdir -p "$pool" "$dists/main/source" "$work/sample-$version"
  echo "$version" >"$work/sample-$version/text"
  tar -C "$work" -czf "$pool/$archive" "sample-$version"
  printf 'Format: 3.0 (quilt)\nSource: sample\nVersion: %s-1\n' "$version" >"$pool/$dsc"
  local sum size dsc_sum dsc_size
  sum=$(sha256sum <"$pool/$archive") && sum=${sum%% *}
  dsc_sum=$(sha256sum <"$pool/$dsc") && dsc_sum=${dsc_sum%% *}
  size=$(stat -c %s "$pool/$archive")
  dsc_size=$(stat -c %s "$pool/$dsc")
  SUM[$version]=$sum
  cat >"$dists/main/source/Sources" <<END
Package: sample
Binary: sample
Version: $version-1
Format: 3.0 (quilt)
Architecture: any
Directory: pool
Checksums-Sha256:
 $dsc_sum $dsc_size $dsc
 $sum $size $archive
END
  cat >"$dists/Release" <<END
Suite: $suite
Codename: $suite
Components: main
SHA256:
 $(sha256sum <"$dists/main/source/Sources" | cut -d' ' -f1) $(stat -c %s "$dists/main/source/Sources") main/source/Sources
END
}

# The machine's list of places, in both forms.
mkdir -p "$work/lists"
cat >"$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/none";
Dir::Etc::sourceparts "$work/lists";
END
export APT_CONFIG=$work/apt.conf
write_list() {
  rm -f "$work/lists"/*
  if [[ $1 == one_line ]]; then
    echo "deb [trusted=yes] file:$work/mirror $release main" >"$work/lists/own.list"
  else
    printf 'Types: deb\nURIs: file:%s\nSuites: %s %s-updates\nComponents: main\nTrusted: yes\n' \
      "$work/mirror" "$release" "$release" >"$work/lists/own.sources"
  fi
}

# obtained PIN...: the name of the archive that the build would take for `sample`; else what it
# says.
obtained() {
  cat >"$work/obtain.cmake" <<END
cmake_minimum_required(VERSION 3.25)
list(APPEND CMAKE_MODULE_PATH "$ROOT/cmake")
set(PROJECT_SOURCE_DIR "$ROOT")
set(ALKAID_CACHE_DIR "$work/cache")
include(AlkaidObtain)
alkaid_obtain(archive why sample "\${URL}" $(printf ' "%s"' "$@"))
message("got <\${archive}> <\${why}>")
END
  cmake "-DURL=${URL-}" -P "$work/obtain.cmake" 2>&1 || true
}
expect() {
  local what=$1 pattern=$2 text=$3
  [[ $text =~ $pattern ]] || fail "$what: expected '$pattern' in: $text"
  echo "ok: $what"
}

publish "$release" 1.0
publish "$newer" 2.0
publish oldstable 0.5
for form in one_line paragraphs; do
  write_list "$form"
  rm -rf "$work/cache"
  expect "the release's own ($form)" 'got <.*sample_1\.0\.' \
    "$(obtained "${SUM[2.0]} 2.0 debian" "${SUM[1.0]} 1.0 debian")"
  if [[ $newer == testing ]]; then
    rm -rf "$work/cache"
    expect "an older suite's, where no other is pinned ($form)" 'got <.*sample_0\.5\.' \
      "$(obtained "${SUM[0.5]} 0.5 debian")"
  fi
  rm -rf "$work/cache"
  expect "a newer suite's, where the release's is not pinned ($form)" 'got <.*sample_2\.0\.' \
    "$(obtained "${SUM[2.0]} 2.0 debian")"
done

publish unpinned 3.0
expect "the cache, before anything else" 'got <.*sample_2\.0\.' \
  "$(obtained "${SUM[2.0]} 2.0 debian" "${SUM[1.0]} 1.0 debian")"
rm -rf "$work/cache"
expect "upstream's, where no suite has it" 'got <.*sample_3\.0\.' \
  "$(obtained "${SUM[3.0]} 3.0 file://$work/mirror/pool/sample_3.0.orig.tar.gz")"
rm -rf "$work/cache"
expect "upstream's, where that is the best" 'got <.*sample_3\.0\.' \
  "$(obtained "${SUM[3.0]} 3.0 file://$work/mirror/pool/sample_3.0.orig.tar.gz" "${SUM[1.0]} 1.0 debian")"
rm -rf "$work/cache"
expect "the release's own, where upstream does not answer" 'got <.*sample_1\.0\.' \
  "$(obtained "${SUM[3.0]} 3.0 file://$work/no_such_file" "${SUM[1.0]} 1.0 debian")"
rm -rf "$work/cache"
expect "upstream's last, where a release has the best" 'got <.*sample_3\.0\.' \
  "$(obtained "${SUM[3.0]/?/x} 4.0 debian" "${SUM[3.0]} 3.0 file://$work/mirror/pool/sample_3.0.orig.tar.gz")"
rm -rf "$work/cache"
expect "a given file" "got <$work/mirror/pool/sample_3" \
  "$(URL=$work/mirror/pool/sample_3.0.orig.tar.gz obtained "${SUM[3.0]} 3.0 debian")"
expect "a given file that nobody knows" 'sha256 expected:' \
  "$(URL=$work/mirror/pool/sample_3.0.orig.tar.gz obtained "${SUM[1.0]} 1.0 debian")"
expect "a given URL" 'got <.*sample_3\.0\.' \
  "$(URL=file://$work/mirror/pool/sample_3.0.orig.tar.gz obtained "${SUM[3.0]} 3.0 debian")"
rm -rf "$work/cache"
expect "upstream's archive that has changed" 'got <> <.*has changed since it was pinned' \
  "$(obtained "${SUM[3.0]/?/x} 3.0 file://$work/mirror/pool/sample_3.0.orig.tar.gz")"
rm -rf "$work/cache"
expect "nobody" 'got <> <.*no_such_file.*neither the release nor ' \
  "$(obtained "${SUM[3.0]} 3.0 file://$work/no_such_file")"
# A mirror that gives another file than its index promised.
printf x >>"$work/mirror/pool/sample_1.0.orig.tar.gz"
rm -rf "$work/cache"
expect "a file that its index does not know" 'got <> <' "$(obtained "${SUM[1.0]} 1.0 debian")"
rm -rf "$work/mirror" "$work/cache"
expect "no mirror" 'got <> <.*no place of the machine' "$(obtained "${SUM[1.0]} 1.0 debian")"

# A build that does without asks once.
cat >"$work/without.cmake" <<END
cmake_minimum_required(VERSION 3.25)
list(APPEND CMAKE_MODULE_PATH "$ROOT/cmake")
set(PROJECT_SOURCE_DIR "$ROOT")
set(ALKAID_CACHE_DIR "$work/cache")
set(ALKAID_WITH_SAMPLE AUTO)
include(AlkaidCache)
foreach(again RANGE 1)
  alkaid_cached_build(folder sample PINS "${SUM[1.0]} 1.0 debian")
endforeach()
END
answers=$(cmake -P "$work/without.cmake" 2>&1)
expect "nobody, and the build goes on" 'not built, as its source could not be had:' "$answers"
expect "nobody, and nobody is asked again" 'could not be had before; --fresh asks again' "$answers"
