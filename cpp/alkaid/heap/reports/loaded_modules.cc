#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/heap/reports/loaded_modules_internal.h"
#include "alkaid/heap/reports/process_text_internal.h"
#include "alkaid/heap/tracking/build_id_internal.h"

namespace alkaid::heap {
namespace {

std::string ExecutablePath() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "";
}

std::string BuildIdIn(const void* notes, size_t size, size_t alignment) {
  const auto found = BuildIdInNotes({static_cast<const uint8_t*>(notes), size}, alignment);
  return {found.begin(), found.end()};
}

// The result of a callback under the dynamic linker's lock, through which no exception may pass.
struct Loaded {
  std::vector<HeapModule> modules;
  std::exception_ptr thrown;
};

int AddModule(struct dl_phdr_info* info, size_t /*size*/, void* argument) try {
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
      module.build_id = BuildIdIn(reinterpret_cast<const void*>(start), header.p_memsz,
                                  header.p_align == 8 ? 8 : 4);
    }
  }
  if (module.end <= module.start || module.start == UINT64_MAX) return 0;
  std::vector<HeapModule>* const modules = &static_cast<Loaded*>(argument)->modules;
  const bool program = modules->empty() && (info->dlpi_name == nullptr || *info->dlpi_name == 0);
  module.path = program ? ExecutablePath() : info->dlpi_name;
  modules->push_back(std::move(module));
  return 0;
} catch (const std::exception&) {
  static_cast<Loaded*>(argument)->thrown = std::current_exception();
  return 1;
}

// A line of /proc/self/maps.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;  // in the file
  bool is_code = false;
  std::string path;
};

std::vector<Mapping> Mappings() {
  const std::string maps = ProcessText("/proc/self/maps");
  std::vector<Mapping> mappings;
  for (size_t begin = 0, end = 0; begin < maps.size(); begin = end + 1) {
    end = std::min(maps.find('\n', begin), maps.size());
    const std::string line = maps.substr(begin, end - begin);
    Mapping mapping;
    char rights[5] = "";
    int path = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n",
                    &mapping.start, &mapping.end, rights, &mapping.offset, &path) < 4) {
      continue;
    }
    mapping.is_code = rights[2] == 'x';
    mapping.path = line.substr(std::min<size_t>(static_cast<size_t>(path), line.size()));
    constexpr std::string_view kDeleted = " (deleted)";
    if (mapping.path.ends_with(kDeleted)) {
      mapping.path.resize(mapping.path.size() - kDeleted.size());
    }
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

// Copies bytes of this process; false if they are not mapped any more.
bool CopyBytes(uint64_t address, void* to, size_t size) {
  const iovec local = {to, size};
  const iovec remote = {reinterpret_cast<void*>(address), size};
  return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

// Whether the dynamic linker has loaded the file at this address, asked without a lock. The file of
// a library may also be mapped as data.
bool IsLoaded(uint64_t start) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
  dl_find_object object;
  return ::_dl_find_object(reinterpret_cast<void*>(start), &object) == 0;
#else
  return start != 0;
#endif
}

// The module whose file begins at this mapping; `end` is 0 if there is none.
HeapModule ModuleAt(const Mapping& mapping) {
  constexpr size_t kMaxHeaders = 64;
  HeapModule module;
  ElfW(Ehdr) file;
  ElfW(Phdr) headers[kMaxHeaders];
  if (!CopyBytes(mapping.start, &file, sizeof(file)) ||
      std::memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 || file.e_phentsize != sizeof(headers[0])) {
    return module;
  }
  const size_t count = std::min<size_t>(file.e_phnum, kMaxHeaders);
  if (!CopyBytes(mapping.start + file.e_phoff, headers, count * sizeof(headers[0]))) return module;
  const auto* const first = std::find_if(
      headers, headers + count, [](const ElfW(Phdr) & header) { return header.p_type == PT_LOAD; });
  if (first == headers + count) return module;
  module.bias = mapping.start - (first->p_vaddr - first->p_offset);
  module.start = UINT64_MAX;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t start = module.bias + headers[i].p_vaddr;
    if (headers[i].p_type == PT_LOAD) {
      module.start = std::min(module.start, start);
      module.end = std::max(module.end, start + headers[i].p_memsz);
    } else if (headers[i].p_type == PT_NOTE && module.build_id.empty() &&
               headers[i].p_memsz <= (size_t{64} << 10)) {
      std::string notes(headers[i].p_memsz, '\0');
      if (CopyBytes(start, notes.data(), notes.size())) {
        module.build_id = BuildIdIn(notes.data(), notes.size(), headers[i].p_align == 8 ? 8 : 4);
      }
    }
  }
  module.path = mapping.path == "[vdso]" ? "linux-vdso.so.1" : mapping.path;
  return module;
}

// The loaded modules, without the dynamic linker's lock.
std::vector<HeapModule> MappedModules() {
  std::vector<HeapModule> modules;
  const std::vector<Mapping> mappings = Mappings();
  for (const Mapping& mapping : mappings) {
    if (mapping.offset != 0 || mapping.path.empty()) continue;
    if (mapping.path.front() != '/' && mapping.path != "[vdso]") continue;
    HeapModule module = ModuleAt(mapping);
    if (module.end <= module.start) continue;
    const bool has_code = std::ranges::any_of(mappings, [&module](const Mapping& part) {
      return part.is_code && module.start <= part.start && part.start < module.end;
    });
    if (has_code && IsLoaded(mapping.start)) modules.push_back(std::move(module));
  }
  return modules;
}

bool IsRelative(const HeapModule& module) {
  return !module.path.starts_with('/') && module.path.find('/') != std::string::npos;
}

std::vector<HeapModule> ModulesOfTheLoader() {
  Loaded loaded;
  ::dl_iterate_phdr(AddModule, &loaded);
  if (loaded.thrown != nullptr) std::rethrow_exception(loaded.thrown);
  // A relative path is relative to the folder of the process when it was loaded. The kernel knows
  // the file.
  if (std::ranges::none_of(loaded.modules, IsRelative)) return std::move(loaded.modules);
  const std::vector<Mapping> mappings = Mappings();
  for (HeapModule& module : loaded.modules) {
    if (!IsRelative(module)) continue;
    const auto mapping = std::ranges::find_if(mappings, [&module](const Mapping& each) {
      return each.start <= module.start && module.start < each.end && each.path.starts_with('/');
    });
    if (mapping != mappings.end()) module.path = mapping->path;
  }
  return std::move(loaded.modules);
}

}  // namespace

std::vector<HeapModule> LoadedModules() {
  std::vector<HeapModule> modules =
      internal::ForkGeneration() == 0 ? ModulesOfTheLoader() : MappedModules();
  std::sort(modules.begin(), modules.end(),
            [](const HeapModule& a, const HeapModule& b) { return a.start < b.start; });
  return modules;
}

}  // namespace alkaid::heap
