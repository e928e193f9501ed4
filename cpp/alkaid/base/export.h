// ALKAID_EXPORT marks what libalkaid.so offers; everything else is hidden.
//
// Put it on a class whose members, vtable or type information cross the library's border, and on a
// free function declared in an installed header. Inline functions and templates need none.
#pragma once

#define ALKAID_EXPORT __attribute__((visibility("default")))
