// Redirects libraries that are loaded with RTLD_DEEPBIND.
//
// Such a library finds the C library's functions before those of preloaded libraries. It would free
// listed blocks, and allocate others, unseen. So dlopen is watched. Once a library has been loaded
// in this way, its references to the allocator's functions are redirected to the functions here,
// which call the next definitions: the ones that it had found. A library that found another
// allocator keeps it, and a line on stderr says so.
//
// The tables are notified of each dlopen, since the new library may be where another one was.
//
// What the library's constructors allocate comes before that and is not listed. All other loading
// is passed on by a jump, since the dynamic linker looks at the caller (RUNPATH).
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated; a reference that cannot be
// written stays as it was, and a line says so.

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using alkaid::heap::preload::NextDefinition;

using OpenFunction = void*(const char*, int);
constinit std::atomic<OpenFunction*> next_dlopen{nullptr};

OpenFunction* NextDlopen() {
  OpenFunction* known = next_dlopen.load(std::memory_order_relaxed);
  if (known == nullptr) {
    known = reinterpret_cast<OpenFunction*>(NextDefinition("dlopen"));
    next_dlopen.store(known, std::memory_order_relaxed);
  }
  return known;
}

const void* BaseOf(const void* address) {
  Dl_info info = {};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// A function of the allocator: its address here, and the one that a deeply bound library finds.
struct Reference {
  const char* name;
  uint64_t here = 0;
  uint64_t next = 0;
  bool found = false;  // whether the library just loaded finds `next`
};

struct Rebinding {
  std::array<Reference, 16> references = {{{"malloc"},
                                           {"calloc"},
                                           {"realloc"},
                                           {"free"},
                                           {"memalign"},
                                           {"aligned_alloc"},
                                           {"posix_memalign"},
                                           {"valloc"},
                                           {"pvalloc"},
                                           {"reallocarray"},
                                           {"malloc_usable_size"},
                                           {"cfree"},
                                           {"free_sized"},
                                           {"free_aligned_sized"},
                                           {"dlopen"},
                                           {"__register_atfork"}}};
  const void* own_base = nullptr;
  const void* next_base = nullptr;
  bool failed = false;

  const Reference* Find(const char* name) const {
    const auto found = std::ranges::find_if(
        references, [name](const Reference& each) { return std::strcmp(each.name, name) == 0; });
    return found != references.end() ? &*found : nullptr;
  }
};

// The entries that are needed from a library's dynamic section.
struct Dynamic {
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  std::array<const ElfW(Rela)*, 2> tables = {};
  std::array<size_t, 2> sizes = {};  // bytes
};

Dynamic ReadDynamic(const dl_phdr_info& info) {
  Dynamic dynamic;
  const auto at = [&info](ElfW(Addr) value) {  // glibc has already added the base
    return value >= info.dlpi_addr ? value : info.dlpi_addr + value;
  };
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    if (info.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* entry =
        reinterpret_cast<const ElfW(Dyn)*>(info.dlpi_addr + info.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      const auto value = entry->d_un.d_ptr;
      if (entry->d_tag == DT_SYMTAB) {
        dynamic.symbols = reinterpret_cast<const ElfW(Sym)*>(at(value));
      } else if (entry->d_tag == DT_STRTAB) {
        dynamic.strings = reinterpret_cast<const char*>(at(value));
      } else if (entry->d_tag == DT_JMPREL) {
        dynamic.tables[0] = reinterpret_cast<const ElfW(Rela)*>(at(value));
      } else if (entry->d_tag == DT_PLTRELSZ) {
        dynamic.sizes[0] = value;
      } else if (entry->d_tag == DT_RELA) {
        dynamic.tables[1] = reinterpret_cast<const ElfW(Rela)*>(at(value));
      } else if (entry->d_tag == DT_RELASZ) {
        dynamic.sizes[1] = value;
      }
    }
  }
  return dynamic;
}

// Whether an address is in the library itself, as for a function that is not looked up yet.
bool IsInside(const dl_phdr_info& info, uint64_t address) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info.dlpi_phdr[i];
    const uint64_t start = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && address - start < header.p_memsz) return true;
  }
  return false;
}

bool IsReadOnlyByNow(const dl_phdr_info& info, uint64_t address) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info.dlpi_phdr[i];
    const uint64_t start = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_GNU_RELRO && address - start < header.p_memsz) return true;
  }
  return false;
}

bool Write(const dl_phdr_info& info, uint64_t* slot, uint64_t value) {
  const bool read_only = IsReadOnlyByNow(info, reinterpret_cast<uint64_t>(slot));
  const auto page = static_cast<uint64_t>(getpagesize());
  auto* const start = reinterpret_cast<void*>(reinterpret_cast<uint64_t>(slot) & ~(page - 1));
  if (read_only && mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return false;
  std::atomic_ref(*slot).store(value, std::memory_order_release);
  if (read_only) mprotect(start, page, PROT_READ);
  return true;
}

int RebindLibrary(dl_phdr_info* info, size_t /*size*/, void* argument) {
  auto* const rebinding = static_cast<Rebinding*>(argument);
  const Dynamic dynamic = ReadDynamic(*info);
  if (dynamic.symbols == nullptr || dynamic.strings == nullptr) return 0;
  const void* const base = BaseOf(dynamic.symbols);
  if (base == nullptr || base == rebinding->own_base || base == rebinding->next_base) return 0;
  for (size_t t = 0; t < dynamic.tables.size(); ++t) {
    const ElfW(Rela)* const table = dynamic.tables[t];
    for (size_t i = 0; table != nullptr && i < dynamic.sizes[t] / sizeof(*table); ++i) {
      const auto type = ELF64_R_TYPE(table[i].r_info);
      const bool points = type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
                          (type == R_X86_64_64 && table[i].r_addend == 0);
      if (!points) continue;
      const ElfW(Sym)& symbol = dynamic.symbols[ELF64_R_SYM(table[i].r_info)];
      const Reference* const reference = rebinding->Find(dynamic.strings + symbol.st_name);
      if (reference == nullptr || reference->here == 0) continue;
      auto* const slot = reinterpret_cast<uint64_t*>(info->dlpi_addr + table[i].r_offset);
      const uint64_t now = std::atomic_ref(*slot).load(std::memory_order_relaxed);
      const bool not_yet_looked_up =
          type == R_X86_64_JUMP_SLOT && reference->found && IsInside(*info, now);
      if (now != reference->next && !not_yet_looked_up) continue;
      if (!Write(*info, slot, reference->here)) rebinding->failed = true;
    }
  }
  return 0;
}

void Say(const char* library, const char* what) {
  char line[512];
  std::snprintf(line, sizeof(line), "%.200s was loaded with RTLD_DEEPBIND %s", library, what);
  alkaid_track_notice(line);
}

void Rebind(const char* name, void* handle) {
  Rebinding rebinding;
  rebinding.own_base = BaseOf(reinterpret_cast<const void*>(&next_dlopen));
  // If the program has a malloc of its own, the functions here are not called.
  const void* const malloc_here = dlsym(RTLD_DEFAULT, "malloc");
  if (BaseOf(malloc_here) != rebinding.own_base) return;
  rebinding.next_base = BaseOf(NextDefinition("malloc"));
  for (Reference& reference : rebinding.references) {
    void* const here = dlsym(RTLD_DEFAULT, reference.name);
    void* const next = NextDefinition(reference.name);
    if (BaseOf(here) != rebinding.own_base || next == nullptr) continue;
    reference.here = reinterpret_cast<uint64_t>(here);
    reference.next = reinterpret_cast<uint64_t>(next);
    reference.found = dlsym(handle, reference.name) == next;
  }
  const void* const its_malloc = dlsym(handle, "malloc");
  dlerror();  // cleared: a missing function is not the program's error
  // A handle of the program itself finds what every library finds.
  if (its_malloc != nullptr && its_malloc != malloc_here && !rebinding.references[0].found) {
    Say(name, "and has a malloc of its own: its blocks are not seen");
  }
  dl_iterate_phdr(RebindLibrary, &rebinding);
  if (rebinding.failed) Say(name, "and cannot be watched: its blocks are not seen");
}

// Whether the calling library has a search path that the dynamic linker would use for a bare name.
bool HasSearchPath(const void* caller) {
  Dl_info info = {};
  link_map* map = nullptr;
  if (dladdr1(caller, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0) return true;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) return true;
  }
  return false;
}

}  // namespace

extern "C" ALKAID_EXPORT void* dlopen(const char* name, int mode) {
  OpenFunction* const next = NextDlopen();
  alkaid_track_loading();
  if ((mode & RTLD_DEEPBIND) == 0 || name == nullptr) [[likely]]
    return next(name, mode);
  if (std::strchr(name, '/') == nullptr && HasSearchPath(__builtin_return_address(0))) {
    Say(name, "by a name without a folder: its blocks are not seen");
    return next(name, mode);
  }
  void* const handle = next(name, mode);
  if (handle != nullptr) Rebind(name, handle);
  return handle;
}
