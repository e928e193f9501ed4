# Every archive of an allocator that this project knows, best first: its sha256, its version, and
# upstream's address of it, or "debian" where it is Debian's own packing. An archive with another sum
# is never unpacked, wherever it came from.
#
# An added pin has to pass the tests of cpp/alkaid/core/pools; docs/pools.md says what each is good for.
include_guard(GLOBAL)

set(mimalloc_tags https://github.com/microsoft/mimalloc/archive/refs/tags)
set(ALKAID_MIMALLOC_PINS
  "7b043c26b64dde66344d144fbcac3664858a4eb32197793ea2a18feb32741ca1 3.4.3 ${mimalloc_tags}/v3.4.3.tar.gz"
  "ca02384e007f46950598500dfaebde5ff9948c1d231f5a81b058799afa64bbbb 3.3.2 ${mimalloc_tags}/v3.3.2.tar.gz"
  "37107a52c16baa80c5f74861dddda7b27bb9949e41a6637691867a94c88ca446 3.4.1 ${mimalloc_tags}/v3.4.1.tar.gz"
  "8927b50ed7805905917adaf48a0be8a6221734ff3cadbd09ed64b9af71fc8b9c 3.6.0 debian"
  "d00894960015ab2eecd0a8c738462796d6ef9ec2ec9c3f734eb85d1e57eb1ae3 3.0.1 debian"
  "cbc9d207ff105ad1f0cb739c378076143a6452b8d0624309cea0abfb040e972b 2.0.9 debian"
  "4a29edae32a914a706715e2ac8e7e4109e25353212edeed0888f4e3e15db5850 2.0.9 ${mimalloc_tags}/v2.0.9.tar.gz"
  "44aec43262c96be4f3e10ea38fa7c51c444fd6ea99fbc06a714792d7b3fb4fd3 2.4.1 ${mimalloc_tags}/v2.4.1.tar.gz")

# Debian's archive of 5.3.0 is upstream's. That of 5.3.1 is of the repository, and takes autoconf.
set(ALKAID_JEMALLOC_PINS
  "2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa 5.3.0 debian"
  "2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa 5.3.0 \
https://github.com/jemalloc/jemalloc/releases/download/5.3.0/jemalloc-5.3.0.tar.bz2")
find_program(ALKAID_AUTOCONF autoconf)
mark_as_advanced(ALKAID_AUTOCONF)
if(ALKAID_AUTOCONF)
  list(APPEND ALKAID_JEMALLOC_PINS
    "aac0e7afdbfb8abcbe7cab63597b63abacf22e8b701116a10a45b5ff50ac0c29 5.3.1 debian")
endif()

# alkaid_pin_field(out pin field): SUM, VERSION or ORIGIN of one of these.
function(alkaid_pin_field out pin field)
  separate_arguments(parts UNIX_COMMAND "${pin}")
  set(names SUM VERSION ORIGIN)
  list(FIND names ${field} at)
  list(GET parts ${at} part)
  set(${out} "${part}" PARENT_SCOPE)
endfunction()

# alkaid_pin_sums(out pin...)
function(alkaid_pin_sums out)
  set(sums)
  foreach(pin IN LISTS ARGN)
    alkaid_pin_field(sum "${pin}" SUM)
    list(APPEND sums "${sum}")
  endforeach()
  set(${out} "${sums}" PARENT_SCOPE)
endfunction()
