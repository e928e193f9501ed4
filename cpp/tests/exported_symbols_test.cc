// libalkaid.so must define no allocator's name in its dynamic symbol table, so that it cannot
// replace an allocator. The only argument is the library's path. The C library, read the same way,
// shows that such names would be found.
#include <dlfcn.h>
#include <elf.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fixtures/libc_malloc.h"

namespace {

// The names that a library exports. Empty where the file cannot be read as a 64-bit ELF library.
std::set<std::string> DefinedNames(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  std::set<std::string> names;
  Elf64_Ehdr header;
  if (bytes.size() < sizeof(header)) return names;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) {
    return names;
  }
  const auto section = [&](size_t index) {
    Elf64_Shdr result;
    std::memcpy(&result, bytes.data() + header.e_shoff + index * sizeof(result), sizeof(result));
    return result;
  };
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr symbols = section(i);
    if (symbols.sh_type != SHT_DYNSYM) continue;
    const Elf64_Shdr strings = section(symbols.sh_link);
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= symbols.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, bytes.data() + symbols.sh_offset + at, sizeof(symbol));
      if (symbol.st_shndx == SHN_UNDEF) continue;
      names.insert(bytes.data() + strings.sh_offset + symbol.st_name);
    }
  }
  return names;
}

bool IsAnAllocators(const std::string& name) {
  for (const char* function : alkaid::internal::kAllocatorFunctions) {
    if (name == function) return true;
  }
  // operator new and delete in all forms; jemalloc's and mimalloc's own functions and data.
  for (const char* prefix :
       {"_Znw", "_Zna", "_Zdl", "_Zda", "je_", "_je_", "mi_", "_mi_", "malloc", "mallocx",
        "rallocx", "dallocx", "sdallocx", "nallocx", "mallctl", "__libc_", "cfree"}) {
    if (name.starts_with(prefix)) return true;
  }
  return name.find("jemalloc_private") != std::string::npos ||
         name.find("je_alkaid") != std::string::npos;
}

int Run(const char* path) {
  Dl_info libc = {};
  if (dladdr(dlsym(RTLD_DEFAULT, "getpid"), &libc) == 0) return 1;
  std::set<std::string> found;
  for (const std::string& name : DefinedNames(libc.dli_fname)) {
    if (IsAnAllocators(name)) found.insert(name);
  }
  if (!found.contains("malloc") || !found.contains("posix_memalign")) {
    std::printf("malloc was not found in %s: this test is blind\n", libc.dli_fname);
    return 1;
  }

  const std::set<std::string> names = DefinedNames(path);
  if (!names.contains("_ZN6alkaid19default_memory_poolEv")) {
    std::printf("%s: default_memory_pool() is not among its %zu names\n", path, names.size());
    return 1;
  }
  int bad = 0;
  for (const std::string& name : names) {
    if (!IsAnAllocators(name)) continue;
    std::printf("%s defines %s\n", path, name.c_str());
    ++bad;
  }
  std::printf("%zu names defined, %d of them an allocator's\n", names.size(), bad);
  return bad == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::printf("usage: %s libalkaid.so\n", argv[0]);
    return 2;
  }
  return Run(argv[1]);
}
