#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <string_view>

#include "alkaid/heap/reports/loaded_modules_internal.h"

namespace alkaid::heap {
namespace {

std::string ExecutablePath() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "";
}

// The bytes of the GNU build-id among the notes of a segment.
std::string BuildIdIn(const char* notes, size_t size, size_t alignment) {
  const auto padded = [alignment](uint64_t length) {
    return (length + alignment - 1) & ~(uint64_t{alignment} - 1);
  };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof(note));
    const uint64_t name = sizeof(note);
    const uint64_t descriptor = name + padded(note.n_namesz);
    const uint64_t next = descriptor + padded(note.n_descsz);
    if (descriptor + note.n_descsz > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
        std::memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
      return std::string(notes + descriptor, note.n_descsz);
    }
    if (next >= size) break;
    notes += next;
    size -= next;
  }
  return "";
}

int AddModule(struct dl_phdr_info* info, size_t /*size*/, void* argument) {
  HeapModule module;
  module.start = UINT64_MAX;
  module.bias = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const uint64_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD) {
      module.start = std::min(module.start, start);
      module.end = std::max(module.end, start + header.p_memsz);
    } else if (header.p_type == PT_NOTE && module.build_id.empty()) {
      module.build_id = BuildIdIn(reinterpret_cast<const char*>(start), header.p_memsz,
                                  header.p_align == 8 ? 8 : 4);
    }
  }
  if (module.end <= module.start || module.start == UINT64_MAX) return 0;
  auto* const modules = static_cast<std::vector<HeapModule>*>(argument);
  const bool program = modules->empty() && (info->dlpi_name == nullptr || *info->dlpi_name == 0);
  module.path = program ? ExecutablePath() : info->dlpi_name;
  modules->push_back(std::move(module));
  return 0;
}

}  // namespace

std::vector<HeapModule> LoadedModules() {
  std::vector<HeapModule> modules;
  ::dl_iterate_phdr(AddModule, &modules);
  std::sort(modules.begin(), modules.end(),
            [](const HeapModule& a, const HeapModule& b) { return a.start < b.start; });
  return modules;
}

}  // namespace alkaid::heap
