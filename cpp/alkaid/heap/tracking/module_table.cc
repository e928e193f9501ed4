#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <mutex>
#include <string_view>

#include "alkaid/heap/tracking/build_id_internal.h"
#include "alkaid/heap/tracking/mapped_memory_internal.h"
#include "alkaid/heap/tracking/module_table_internal.h"

namespace alkaid::heap {

struct ModuleTable::Loaded {
  uint64_t start;
  uint64_t end;
  uint64_t bias;
  std::string_view name;
  std::span<const uint8_t> build_id;

  // False where nothing is loaded there.
  bool Find(uint64_t address) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    dl_find_object object;
    if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return false;
    start = reinterpret_cast<uint64_t>(object.dlfo_map_start);
    end = reinterpret_cast<uint64_t>(object.dlfo_map_end);
    bias = object.dlfo_link_map->l_addr;
    name = object.dlfo_link_map->l_name;
    return true;
#else
    return address == 0;
#endif
  }
  void FindBuildId() {
    build_id = BuildIdOfMapped(start, end, bias);
    // What is longer than a record has room for is cut, here and there.
    build_id = build_id.first(std::min(build_id.size(), sizeof(TrackedModule::build_id)));
  }
  bool Is(const TrackedModule& module) const {
    if (module.start != start || module.end != end || module.bias != bias) return false;
    if (module.build_id_size != 0 || !build_id.empty()) {
      return std::ranges::equal(build_id, std::span(module.build_id, module.build_id_size));
    }
    // As KeepPath keeps it.
    const std::string_view kept = name.starts_with("./") ? name.substr(2) : name;
    return module.path != nullptr &&
           std::string_view(module.path, module.path_size).ends_with(kept);
  }
  // Of what Is compares: where it is, and the build-id, or the part of its name that any way to it
  // has.
  uint64_t Hash() const {
    constexpr uint64_t kPrime = 0x100000001b3;
    uint64_t hash = start ^ 0xcbf29ce484222325;
    const auto add = [&](uint8_t byte) { hash = (hash ^ byte) * kPrime; };
    std::ranges::for_each(build_id, add);
    if (build_id.empty()) std::ranges::for_each(name.substr(name.rfind('/') + 1), add);
    return (hash ^ (hash >> 32)) * kPrime;
  }
};

void ModuleTable::RememberWhatStays() {
  // What the program is started with comes first in the list, in breadth. The C library needs the
  // dynamic linker, so that is there; what follows it is taken for unloadable: that costs time
  // only.
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t /*size*/, void* argument) {
        auto* const table = static_cast<ModuleTable*>(argument);
        Range range = {UINT64_MAX, 0};
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          range.start = std::min(range.start, info->dlpi_addr + header.p_vaddr);
          range.end = std::max(range.end, info->dlpi_addr + header.p_vaddr + header.p_memsz);
        }
        if (range.start < range.end) table->stays_[table->stays_count_++] = range;
        const bool is_linker = info->dlpi_addr == _r_debug.r_ldbase;
        return is_linker || table->stays_count_ == kMostThatStay ? 1 : 0;
      },
      this);
  std::sort(stays_, stays_ + stays_count_,
            [](const Range& a, const Range& b) { return a.start < b.start; });
}

bool ModuleTable::Stays(uint64_t address) const {
  const Range* const behind =
      std::upper_bound(stays_, stays_ + stays_count_, address,
                       [](uint64_t wanted, const Range& range) { return wanted < range.start; });
  return behind != stays_ && address < behind[-1].end;
}

size_t ModuleTable::NumbersOf(std::span<const uint64_t> frames, uint16_t* numbers) {
  size_t count = 0;
  Loaded loaded = {};
  for (const uint64_t frame : frames) {
    const uint64_t address = frame - 1;
    // Recursion, and calls inside of a library.
    if (Stays(address) || (loaded.start <= address && address < loaded.end)) continue;
    if (!loaded.Find(address)) continue;
    const uint16_t number = NumberOf(loaded);
    if (number == 0 || std::find(numbers, numbers + count, number) != numbers + count) continue;
    if (count == kMostModulesOfStack) break;
    numbers[count++] = number;
  }
  return count;
}

bool ModuleTable::IsLoaded(uint16_t number) const {
  const TrackedModule& module = modules_->load(std::memory_order_acquire)[number];
  Loaded loaded = {};
  if (!loaded.Find(module.start) || loaded.start != module.start || loaded.end != module.end) {
    return false;
  }
  loaded.FindBuildId();
  return loaded.Is(module);
}

uint16_t ModuleTable::NumberOf(const Loaded& loaded) {
  Loaded whole = loaded;
  whole.FindBuildId();
  const std::lock_guard guard(lock_);
  if (places_ == nullptr && !MapTables()) return 0;
  const TrackedModule* const modules = modules_->load(std::memory_order_relaxed);
  size_t place = whole.Hash() % kPlaces;
  for (; places_[place] != 0; place = (place + 1) % kPlaces) {
    ++compared_;
    if (whole.Is(modules[places_[place]])) return places_[place];
  }
  if (count_->load(std::memory_order_relaxed) >= kMaxModules) return 0;
  places_[place] = Add(whole);
  return places_[place];
}

uint64_t ModuleTable::compared() {
  const std::lock_guard guard(lock_);
  return compared_;
}

bool ModuleTable::MapTables() {
  constexpr size_t kRecordBytes = kMaxModules * sizeof(TrackedModule);
  auto* const tables = static_cast<char*>(MapMemory(kRecordBytes + kPlaces * sizeof(*places_)));
  if (tables == nullptr) return false;
  places_ = reinterpret_cast<uint16_t*>(tables + kRecordBytes);
  modules_->store(reinterpret_cast<TrackedModule*>(tables), std::memory_order_release);
  return true;
}

uint16_t ModuleTable::Add(const Loaded& loaded) {
  const uint32_t number = count_->load(std::memory_order_relaxed);
  TrackedModule& module = modules_->load(std::memory_order_relaxed)[number];
  module.start = loaded.start;
  module.end = loaded.end;
  module.bias = loaded.bias;
  std::ranges::copy(loaded.build_id, module.build_id);
  module.build_id_size = static_cast<uint32_t>(loaded.build_id.size());
  module.path = KeepPath(loaded.name, &module.path_size);
  count_->store(number + 1, std::memory_order_release);
  return static_cast<uint16_t>(number);
}

const char* ModuleTable::KeepPath(std::string_view path, uint32_t* size) {
  constexpr size_t kPathBytes = size_t{64} << 10;
  const size_t most = PATH_MAX + path.size();
  if (most > paths_left_) {
    if (most > kPathBytes) return nullptr;
    paths_ = static_cast<char*>(MapMemory(kPathBytes));
    paths_left_ = paths_ == nullptr ? 0 : kPathBytes;
    if (paths_ == nullptr) return nullptr;
  }
  char* const copy = paths_;
  char* end = copy;
  // A path may be relative to the folder that the process is in, and who reads it is in another.
  if (!path.starts_with('/') && path.find('/') != std::string_view::npos) {
    const int kept = errno;
    if (::getcwd(copy, PATH_MAX) != nullptr && *copy == '/') {
      end += std::strlen(copy);
      *end++ = '/';
      if (path.starts_with("./")) path.remove_prefix(2);
    }
    errno = kept;
  }
  end = std::ranges::copy(path, end).out;
  *size = static_cast<uint32_t>(end - copy);
  paths_ += *size;
  paths_left_ -= *size;
  return copy;
}

}  // namespace alkaid::heap
