// ModuleTable: numbers for the libraries on stack traces that can be unloaded.
//
// After a library is unloaded, another can be loaded at the same addresses. A number stands for
// what was loaded: path, build-id and place. A library that returns to its old place gets its old
// number. The dynamic linker is asked what is loaded at an address by _dl_find_object, which takes
// no lock and so may be called inside malloc and in a forked child. Libraries that a program is
// started with are never unloaded, and have no number.
//
// A library without build-id is identified by its name, which may be relative to a folder that the
// process has left since. So whenever another library may be at its place, the kernel is asked for
// its file: after each dlopen, which libalkaid_malloc.so reports, and when the dynamic linker's
// record of it has moved.
//
// Append-only: a number keeps its meaning for the life of the process.
//
// Ownership: copies, never freed. Threads: all functions, from any thread, except
// RememberWhatStays, which must be called before all others. Full or out of memory: further
// libraries get no number, or a library has no path. Without _dl_find_object (before glibc 2.35) no
// library gets a number.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT ModuleTable {
 public:
  static constexpr uint32_t kMaxModules = 4096;

  // Both belong to the caller; `*modules` is null and `*count` is 1. The records are mapped when
  // the first module is added.
  constexpr ModuleTable(std::atomic<TrackedModule*>* modules, std::atomic<uint32_t>* count)
      : modules_(modules), count_(count) {}
  ModuleTable(const ModuleTable&) = delete;
  ModuleTable& operator=(const ModuleTable&) = delete;

  // Notes what is loaded for good: the program and what it was started with. Takes the dynamic
  // linker's lock.
  void RememberWhatStays();

  // Writes the numbers of the modules that contain these return addresses to `numbers`, each once.
  // `numbers` has room for kMaxModulesOfStack. Returns how many. The frames must be of a running
  // thread, so that their modules are not being unloaded.
  size_t NumbersOf(std::span<const uint64_t> frames, uint16_t* numbers);
  // Whether the module of this number is loaded at its old place.
  bool IsLoaded(uint16_t number);

  // A library is about to be loaded; this affects all tables.
  static void ExpectAnother();

  // How many comparisons all lookups made. For tests.
  uint64_t compared();

  // Around a fork.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }

 private:
  struct Range {
    uint64_t start;
    uint64_t end;
  };
  struct Loaded;  // what the dynamic linker says of an address
  struct File {   // what the kernel says of it
    uint64_t id;  // a hash of device, inode and path; 0: not known
    std::string_view path;
  };
  struct Seen {     // of a module without build-id
    uint64_t name;  // a hash of what the dynamic linker calls it
    uint64_t file;  // the File's id
    // The Loaded::account for which the file was last confirmed; changed with the lock held.
    std::atomic<uint64_t> account;
  };
  static constexpr size_t kMaxKept = 256;
  static constexpr size_t kPlaces = size_t{2} * kMaxModules;
  static constexpr size_t kMapsTextBytes = size_t{8} << 10;  // more than a line of /proc/self/maps

  bool Stays(uint64_t address) const;
  uint16_t NumberOf(const Loaded& loaded);
  bool MayBeNumber(const Loaded& loaded, uint16_t number) const;
  bool IsCertain(const Loaded& loaded, uint16_t number) const;
  bool IsNumber(const Loaded& loaded, uint16_t number, File* file);
  File FileAt(uint64_t start);
  bool MapTables();
  uint16_t Add(const Loaded& loaded, File* file);
  const char* KeepPath(std::string_view path, uint32_t* size);

  std::atomic<TrackedModule*>* const modules_;
  std::atomic<uint32_t>* const count_;
  Range stays_[kMaxKept] = {};
  size_t stays_count_ = 0;
  TableMutex lock_;  // for adding, and for all members below
  // A hash table of numbers with linear probing, at least half of it 0, which means none. Every
  // allocation through a plug-in makes a lookup.
  uint16_t* places_ = nullptr;
  Seen* seen_ = nullptr;
  char* maps_text_ = nullptr;
  uint64_t compared_ = 0;
  char* paths_ = nullptr;
  size_t paths_left_ = 0;
};

}  // namespace alkaid::heap
