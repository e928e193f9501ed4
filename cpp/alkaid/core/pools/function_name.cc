#include "alkaid/core/pools/function_name_internal.h"

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/debugging/internal/demangle.h"
#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::internal {
namespace {

// The longest mangled name.
constexpr size_t kMaxLetters = 2048;

// `place` is relative to where the object was loaded.
bool Has(const ElfW(Sym) & symbol, uint64_t place) {
  const auto type = ELF64_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF &&
         place - symbol.st_value < symbol.st_size;
}

// The table has no count. The last symbol is at the end of the chain that starts last.
uint32_t CountOf(const uint32_t* table) {
  const uint32_t buckets = table[0];
  const uint32_t first = table[1];
  const uint32_t* const starts = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t* const chains = starts + buckets;
  uint32_t last = 0;
  for (uint32_t i = 0; i < buckets; ++i) last = std::max(last, starts[i]);
  if (last < first) return 0;
  while ((chains[last - first] & 1) == 0) ++last;
  return last + 1;
}

// Null if no dynamic symbol has the place.
const char* DynamicName(const link_map& map, uint64_t place) {
  const ElfW(Sym)* symbols = nullptr;
  const char* strings = nullptr;
  const uint32_t* gnu_hash = nullptr;
  const uint32_t* hash = nullptr;
  for (const ElfW(Dyn)* entry = map.l_ld; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    // The C library has already added the base, except for the kernel's own object.
    uint64_t value = entry->d_un.d_ptr;
    if (value < map.l_addr) value += map.l_addr;
    if (entry->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(value);
    if (entry->d_tag == DT_STRTAB) strings = reinterpret_cast<const char*>(value);
    if (entry->d_tag == DT_GNU_HASH) gnu_hash = reinterpret_cast<const uint32_t*>(value);
    if (entry->d_tag == DT_HASH) hash = reinterpret_cast<const uint32_t*>(value);
  }
  if (symbols == nullptr || strings == nullptr) return nullptr;
  const uint32_t count = hash != nullptr ? hash[1] : gnu_hash != nullptr ? CountOf(gnu_hash) : 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (Has(symbols[i], place)) return strings + symbols[i].st_name;
  }
  return nullptr;
}

template <typename T>
bool ReadAt(int fd, uint64_t offset, T* value) {
  return ::pread(fd, value, sizeof(T), static_cast<off_t>(offset)) == ssize_t{sizeof(T)};
}

// The name's offset in the file, or 0.
uint64_t FindInTable(int fd, const ElfW(Shdr) & table, const ElfW(Shdr) & strings, uint64_t place) {
  std::array<ElfW(Sym), 256> some;
  const uint64_t count = table.sh_size / sizeof(ElfW(Sym));
  for (uint64_t done = 0; done < count;) {
    const uint64_t wanted = std::min<uint64_t>(some.size(), count - done);
    const ssize_t got = ::pread(fd, some.data(), wanted * sizeof(ElfW(Sym)),
                                static_cast<off_t>(table.sh_offset + done * sizeof(ElfW(Sym))));
    if (got < ssize_t{sizeof(ElfW(Sym))}) return 0;
    const auto symbols = static_cast<uint64_t>(got) / sizeof(ElfW(Sym));
    for (uint64_t i = 0; i < symbols; ++i) {
      if (Has(some[i], place)) return strings.sh_offset + some[i].st_name;
    }
    done += symbols;
  }
  return 0;
}

bool ReadName(const char* path, const dl_find_object& object, uint64_t place,
              std::array<char, kMaxLetters>* name) {
  // O_NONBLOCK: if the path is now a pipe it is refused, not waited for.
  const FileDescriptor file(
      AboveStandardStreams(::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)));
  ElfW(Ehdr) header;
  // A file that was replaced since has other names at other places.
  if (!file.valid() || !ReadAt(file.get(), 0, &header) ||
      std::memcmp(&header, object.dlfo_map_start, sizeof(header)) != 0) {
    return false;
  }
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    ElfW(Shdr) table;
    ElfW(Shdr) strings;
    if (!ReadAt(file.get(), header.e_shoff + i * sizeof(table), &table)) return false;
    if (table.sh_type != SHT_SYMTAB) continue;
    if (!ReadAt(file.get(), header.e_shoff + table.sh_link * sizeof(strings), &strings)) {
      return false;
    }
    const uint64_t at = FindInTable(file.get(), table, strings, place);
    if (at == 0) continue;
    const ssize_t got = ::pread(file.get(), name->data(), name->size() - 1, static_cast<off_t>(at));
    (*name)[static_cast<size_t>(std::max<ssize_t>(got, 0))] = '\0';
    return got > 0;
  }
  return false;
}

}  // namespace

std::string_view FunctionNameAt(uint64_t address, const dl_find_object& object, const char* path,
                                std::span<char> room) {
  const uint64_t place = address - object.dlfo_link_map->l_addr;
  const char* name = DynamicName(*object.dlfo_link_map, place);
  std::array<char, kMaxLetters> read;
  if (name == nullptr) {
    if (path == nullptr || !ReadName(path, object, place, &read)) return {};
    name = read.data();
  }
  // The C++ runtime's demangler allocates. Abseil's is made for signal handlers.
  std::array<char, kMaxLetters> readable;
  const bool demangled = absl::debugging_internal::Demangle(name, readable.data(), readable.size());
  const std::string_view text = demangled ? readable.data() : name;
  const size_t size = std::min(text.size(), room.size());
  std::copy_n(text.data(), size, room.data());
  constexpr std::string_view kCut = "...";
  if (size < text.size() && size >= kCut.size()) {
    std::ranges::copy(kCut, room.data() + size - kCut.size());
  }
  return {room.data(), size};
}

}  // namespace alkaid::internal

#endif
