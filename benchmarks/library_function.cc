#include "library_function.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace alkaid::bench {
namespace {

struct LoadedLibrary {
  std::string path;
  ElfW(Addr) base = 0;
};

LoadedLibrary FindLibrary() {
  LoadedLibrary found;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        const char* slash = std::strrchr(info->dlpi_name, '/');
        if (std::strncmp(slash != nullptr ? slash + 1 : info->dlpi_name, "libalkaid.so", 12) != 0) {
          return 0;
        }
        *static_cast<LoadedLibrary*>(out) = {info->dlpi_name, info->dlpi_addr};
        return 1;
      },
      &found);
  return found;
}

// The value of the function symbol `name` in an ELF file, or 0.
ElfW(Addr) ValueOf(const std::vector<char>& file, const char* name) {
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(file.data());
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(file.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(file.data() + sections[i].sh_offset);
    const char* names = file.data() + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof(ElfW(Sym)); ++k) {
      if ((symbols[k].st_info & 0xf) == STT_FUNC && symbols[k].st_value != 0 &&
          std::strcmp(names + symbols[k].st_name, name) == 0) {
        return symbols[k].st_value;
      }
    }
  }
  return 0;
}

}  // namespace

void* FindLibraryFunction(const char* name) {
  static const LoadedLibrary library = FindLibrary();
  static const std::vector<char> file = [] {
    std::ifstream stream(library.path, std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(stream), {});
  }();
  const ElfW(Addr) value = file.empty() ? 0 : ValueOf(file, name);
  if (value == 0) {
    std::fprintf(
        stderr, "%s has no function %s: is it stripped, or built without that allocator?\n",
        library.path.empty() ? "libalkaid.so, which is not loaded," : library.path.c_str(), name);
    std::abort();
  }
  return reinterpret_cast<void*>(library.base + value);
}

}  // namespace alkaid::bench
