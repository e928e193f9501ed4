// ALKAID_EXPORT marks what libalkaid.so exports; everything else is hidden.
//
// Use it on a class whose members, vtable or type information cross the library's border, and on a
// free function declared in an installed header. Inline functions and templates need none.
//
// Nearly every header includes this one, so a compilation for an older C++ fails here.
#pragma once

#if __cplusplus < 202002L
#error \
    "Alkaid needs C++20: compile with -std=c++20; in CMake, link alkaid::alkaid, which requires it"
// There is no such header. A missing header ends the compilation at once, before hundreds of
// further errors.
#include <alkaid_needs_std_c++20>
#endif

#define ALKAID_EXPORT __attribute__((visibility("default")))
