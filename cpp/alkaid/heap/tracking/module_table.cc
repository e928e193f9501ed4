#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

#include "alkaid/heap/tracking/build_id_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/mapped_memory_internal.h"
#include "alkaid/heap/tracking/module_table_internal.h"

namespace alkaid::heap {
namespace {

constinit std::atomic<uint64_t> loadings{0};

constexpr uint64_t kPrime = 0x100000001b3;

uint64_t Mixed(uint64_t hash, uint64_t with) { return (hash ^ with ^ (with >> 32)) * kPrime; }

uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) hash = (hash ^ static_cast<uint8_t>(letter)) * kPrime;
  return Mixed(hash, hash);
}

// By syscall: the C library's functions are cancellation points.
ssize_t ReadOpened(int descriptor, char* to, size_t nbytes) {
  return ::syscall(SYS_read, descriptor, to, nbytes);
}

}  // namespace

void ModuleTable::ExpectAnother() { loadings.fetch_add(1, std::memory_order_relaxed); }

struct ModuleTable::Loaded {
  uint64_t start;
  uint64_t end;
  uint64_t bias;
  std::string_view name;
  std::span<const uint8_t> build_id;
  // If this value has changed, another library may be there.
  uint64_t account;

  // False if nothing is loaded there.
  bool Find(uint64_t address) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    dl_find_object object;
    if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return false;
    start = reinterpret_cast<uint64_t>(object.dlfo_map_start);
    end = reinterpret_cast<uint64_t>(object.dlfo_map_end);
    bias = object.dlfo_link_map->l_addr;
    name = object.dlfo_link_map->l_name;
    account = Mixed(reinterpret_cast<uint64_t>(object.dlfo_link_map),
                    reinterpret_cast<uint64_t>(name.data()));
    account = Mixed(account, loadings.load(std::memory_order_relaxed));
    return true;
#else
    return address == 0;
#endif
  }
  void FindBuildId() {
    build_id = BuildIdOfMapped(start, end, bias);
    // A build-id longer than a record's field is cut, here as in the record.
    build_id = build_id.first(std::min(build_id.size(), sizeof(TrackedModule::build_id)));
  }
  bool IsAtPlaceOf(const TrackedModule& module) const {
    return module.start == start && module.end == end && module.bias == bias &&
           std::ranges::equal(build_id, std::span(module.build_id, module.build_id_size));
  }
  bool HasRelativeName() const {
    return !name.starts_with('/') && name.find('/') != std::string_view::npos;
  }
  // Of the start address, and of the build-id or the name.
  uint64_t Hash() const {
    uint64_t hash = start ^ 0xcbf29ce484222325;
    const auto add = [&](uint8_t byte) { hash = (hash ^ byte) * kPrime; };
    std::ranges::for_each(build_id, add);
    if (build_id.empty()) hash = Mixed(hash, HashOf(name));
    return (hash ^ (hash >> 32)) * kPrime;
  }
};

void ModuleTable::RememberWhatStays() {
  // The list begins with the program and the libraries that it is started with, breadth first. The
  // C library depends on the dynamic linker, so that is among them. Libraries after it count as
  // unloadable, which only costs time.
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
        return is_linker || table->stays_count_ == kMaxKept ? 1 : 0;
      },
      this);
  std::sort(stays_, stays_ + stays_count_,
            [](const Range& a, const Range& b) { return a.start < b.start; });
}

bool ModuleTable::Stays(uint64_t address) const {
  const Range* const after =
      std::upper_bound(stays_, stays_ + stays_count_, address,
                       [](uint64_t wanted, const Range& range) { return wanted < range.start; });
  return after != stays_ && address < after[-1].end;
}

size_t ModuleTable::NumbersOf(std::span<const uint64_t> frames, uint16_t* numbers) {
  size_t count = 0;
  Loaded loaded = {};
  for (const uint64_t frame : frames) {
    const uint64_t address = frame - 1;
    // A library that was just looked up needs no second lookup: recursion, calls within it.
    if (Stays(address) || (loaded.start <= address && address < loaded.end)) continue;
    if (!loaded.Find(address)) continue;
    const uint16_t number = NumberOf(loaded);
    if (number == 0 || std::find(numbers, numbers + count, number) != numbers + count) continue;
    if (count == kMaxModulesOfStack) break;
    numbers[count++] = number;
  }
  return count;
}

bool ModuleTable::IsLoaded(uint16_t number) {
  const TrackedModule& module = modules_->load(std::memory_order_acquire)[number];
  Loaded loaded = {};
  if (!loaded.Find(module.start) || loaded.start != module.start || loaded.end != module.end) {
    return false;
  }
  loaded.FindBuildId();
  if (!MayBeNumber(loaded, number)) return false;
  if (IsCertain(loaded, number)) return true;
  File file = {};
  const std::lock_guard guard(lock_);
  return IsNumber(loaded, number, &file);
}

bool ModuleTable::MayBeNumber(const Loaded& loaded, uint16_t number) const {
  return loaded.IsAtPlaceOf(modules_->load(std::memory_order_relaxed)[number]) &&
         (!loaded.build_id.empty() || seen_[number].name == HashOf(loaded.name));
}

// For a number that MayBeNumber accepts.
bool ModuleTable::IsCertain(const Loaded& loaded, uint16_t number) const {
  return !loaded.build_id.empty() ||
         seen_[number].account.load(std::memory_order_relaxed) == loaded.account;
}

// With the lock held. Looks `*file` up if it is needed and not known yet.
bool ModuleTable::IsNumber(const Loaded& loaded, uint16_t number, File* file) {
  if (!MayBeNumber(loaded, number)) return false;
  if (IsCertain(loaded, number)) return true;
  if (file->id == 0) *file = FileAt(loaded.start);
  Seen& seen = seen_[number];
  // If the kernel does not say, this is taken for the library of that name that was there before.
  if (file->id != 0 && seen.file != 0 && seen.file != file->id) return false;
  seen.account.store(loaded.account, std::memory_order_relaxed);
  return true;
}

// Reads the line of the mapping at `start`: "7f00-7f10 r--p 00000000 08:01 1234    /a/path".
ModuleTable::File ModuleTable::FileAt(uint64_t start) {
  File file = {};
  if (!MayWriteHeapFiles()) return file;  // may open no file either
  const int kept = errno;
  const auto descriptor =
      static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0));
  size_t filled = 0;
  for (bool more = descriptor >= 0; more && file.id == 0;) {
    const ssize_t got = ReadOpened(descriptor, maps_text_ + filled, kMapsTextBytes - filled);
    more = got > 0;
    filled += more ? static_cast<size_t>(got) : 0;
    std::string_view text(maps_text_, filled);
    for (size_t end = text.find('\n'); end != std::string_view::npos && file.id == 0;
         end = text.find('\n')) {
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      uint64_t from = 0;
      const char* const after = std::from_chars(line.data(), line.data() + end, from, 16).ptr;
      const size_t path = line.find('/', static_cast<size_t>(after - line.data()));
      if (from != start || path == std::string_view::npos) continue;
      constexpr std::string_view kDeleted = " (deleted)";
      std::string_view named = line;
      if (named.ends_with(kDeleted)) named.remove_suffix(kDeleted.size());
      size_t device = 0;  // the fourth word
      for (int word = 0; word < 3; ++word) device = named.find(' ', device) + 1;
      file = {HashOf(named.substr(device)), named.substr(path)};
    }
    if (file.id == 0) {
      std::ranges::copy(text, maps_text_);
      filled = text.size();
    }
  }
  if (descriptor >= 0) ::syscall(SYS_close, descriptor);
  errno = kept;
  return file;
}

uint16_t ModuleTable::NumberOf(const Loaded& loaded) {
  Loaded whole = loaded;
  whole.FindBuildId();
  const std::lock_guard guard(lock_);
  if (places_ == nullptr && !MapTables()) return 0;
  File file = {};
  size_t place = whole.Hash() % kPlaces;
  for (; places_[place] != 0; place = (place + 1) % kPlaces) {
    ++compared_;
    if (IsNumber(whole, places_[place], &file)) return places_[place];
  }
  if (count_->load(std::memory_order_relaxed) >= kMaxModules) return 0;
  places_[place] = Add(whole, &file);
  return places_[place];
}

uint64_t ModuleTable::compared() {
  const std::lock_guard guard(lock_);
  return compared_;
}

bool ModuleTable::MapTables() {
  constexpr size_t kRecordBytes = kMaxModules * sizeof(TrackedModule);
  constexpr size_t kSeenBytes = kMaxModules * sizeof(Seen);
  constexpr size_t kPlacesBytes = kPlaces * sizeof(*places_);
  auto* const tables =
      static_cast<char*>(MapMemory(kRecordBytes + kSeenBytes + kPlacesBytes + kMapsTextBytes));
  if (tables == nullptr) return false;
  seen_ = reinterpret_cast<Seen*>(tables + kRecordBytes);
  places_ = reinterpret_cast<uint16_t*>(tables + kRecordBytes + kSeenBytes);
  maps_text_ = tables + kRecordBytes + kSeenBytes + kPlacesBytes;
  modules_->store(reinterpret_cast<TrackedModule*>(tables), std::memory_order_release);
  return true;
}

uint16_t ModuleTable::Add(const Loaded& loaded, File* file) {
  const uint32_t number = count_->load(std::memory_order_relaxed);
  TrackedModule& module = modules_->load(std::memory_order_relaxed)[number];
  module.start = loaded.start;
  module.end = loaded.end;
  module.bias = loaded.bias;
  std::ranges::copy(loaded.build_id, module.build_id);
  module.build_id_size = static_cast<uint32_t>(loaded.build_id.size());
  const bool by_name = loaded.build_id.empty();
  if (file->id == 0 && (by_name || loaded.HasRelativeName())) *file = FileAt(loaded.start);
  if (by_name) new (&seen_[number]) Seen{HashOf(loaded.name), file->id, loaded.account};
  const bool moves = loaded.HasRelativeName() && !file->path.empty();
  module.path = KeepPath(moves ? file->path : loaded.name, &module.path_size);
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
  // A path may be relative to the current folder of the process; its reader may be in another.
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
