# What ALKAID_SANITIZE adds. For the allocators see AlkaidAllocators.
include_guard(GLOBAL)

if(ALKAID_SANITIZE STREQUAL "")
elseif(ALKAID_SANITIZE STREQUAL "address")
  # A finding of UBSan ends the program like one of ASan: a test that prints and passes hides it.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(ALKAID_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(ALKAID_SANITIZE STREQUAL "coverage")
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
else()
  message(FATAL_ERROR "ALKAID_SANITIZE is '${ALKAID_SANITIZE}'; "
                      "it takes nothing, address, thread or coverage")
endif()
