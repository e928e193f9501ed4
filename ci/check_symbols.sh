#!/bin/bash
# Looks into a built libalkaid.so: its soname, that it stays once loaded, that it exports alkaid's
# names and no others, and that the allocators' functions are in it under the names that probes use.
#
#   ci/check_symbols.sh LIBRARY [jemalloc] [mimalloc]      the allocators that must be inside
set -euo pipefail

library=$1
shift
failed=0
complain() {
  printf '%s: %s\n' "$library" "$1"
  failed=1
}

dynamic=$(readelf -dW "$library")
grep -q 'SONAME.*\[libalkaid\.so\.0\]' <<<"$dynamic" || complain 'its soname is not libalkaid.so.0'
grep -q NODELETE <<<"$dynamic" || complain 'it is not linked with -z nodelete'

exported=$(nm -DC --defined-only "$library" | cut -d' ' -f3-)
grep -qx 'alkaid::Version()' <<<"$exported" || complain 'it does not export alkaid::Version()'
kinds='(((construction )?vtable|VTT|typeinfo( name)?|guard variable) for'
kinds+='|(non-virtual|virtual|covariant return) thunk to|TLS (init|wrapper) function for) '
foreign=$(grep -vE "^($kinds)?alkaid::|^alkaid_[a-z]" <<<"$exported" || true)
[[ -z $foreign ]] || complain "it exports names that are not alkaid's:"$'\n'"$foreign"

present=$(nm "$library")
for allocator in "$@"; do
  case $allocator in
    jemalloc) names=(je_alkaid_mallocx je_alkaid_rallocx je_alkaid_dallocx) ;;
    mimalloc) names=(mi_malloc_aligned mi_realloc_aligned mi_free) ;;
    *) complain "unknown allocator '$allocator'" && continue ;;
  esac
  for name in "${names[@]}"; do
    grep -qE " t $name\$" <<<"$present" || complain "$name is not in it as a local function"
  done
done
# A second malloc anywhere inside would serve our own calls to it.
if grep -qE ' [tTwW] (malloc|free|calloc|realloc|_Znwm|_ZdlPv)$' <<<"$present"; then
  complain 'it defines malloc, free or operator new'
fi
exit $failed
