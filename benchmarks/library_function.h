// FindLibraryFunction: finds functions hidden inside libalkaid.so by name. These are the allocators
// themselves, to measure what a pool adds to them.
//
// A second copy of an allocator, linked into the program, would have heaps of its own, and reach
// its thread-local state by cheaper instructions than a shared library can. These are the same
// functions that the pools call. They are in the library's symbol table, which the bench and
// release presets keep.
//
// Ownership: the functions live as long as the process. Threads: any. Out of memory: as
// std::string.
#pragma once

namespace alkaid::bench {

// The address of the function `name`. Aborts with the reason where the loaded libalkaid.so has no
// such function.
void* FindLibraryFunction(const char* name);

// `LibraryFunction<decltype(mi_free)>("mi_free")`.
template <typename Function>
Function* LibraryFunction(const char* name) {
  return reinterpret_cast<Function*>(FindLibraryFunction(name));
}

}  // namespace alkaid::bench
