# What ALKAID_SANITIZE adds. For the allocators see AlkaidAllocators.
include_guard(GLOBAL)

if(ALKAID_SANITIZE STREQUAL "")
elseif(ALKAID_SANITIZE STREQUAL "address")
  # A finding of UBSan ends the program like one of ASan: a test that prints and passes hides it.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(ALKAID_SANITIZE STREQUAL "fuzzer")
  # The library is watched and counted like the targets; libFuzzer's main is linked to those alone
  # (alkaid_fuzzer).
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "ALKAID_SANITIZE=fuzzer takes clang, as the preset fuzz sets it")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(ALKAID_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(ALKAID_SANITIZE STREQUAL "coverage")
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
else()
  message(FATAL_ERROR "ALKAID_SANITIZE is '${ALKAID_SANITIZE}'; "
                      "it takes nothing, address, fuzzer, thread or coverage")
endif()
