// ModuleTable: the libraries that can be unloaded and that back-traces lead through, each by a
// number.
//
// Where one was unloaded another can be loaded, and its code then has the addresses that the first
// one's had. A number stands for what was loaded: path, build-id, place. One that comes back to
// where it was has the number that it had. What is loaded at an address is asked of the dynamic
// linker by the one question that it answers without a lock, so it may be asked inside malloc and
// in a child. Libraries that a program is started with are never unloaded, and have no number.
//
// One without build-id is known by its name, which may be relative to a folder that the process has
// left since. So once another library may be at its place, the kernel is asked for its file: after
// each dlopen, of which libalkaid_malloc.so tells, and where the dynamic linker's own account of it
// has moved.
//
// Append-only: a number stays what it is for the life of the process.
//
// Ownership: copies; nothing is ever given back. Threads: all functions, from any thread, but
// RememberWhatStays, which comes before all others. Full, and out of memory: further libraries have
// no number, or one has no path. A C library without that question (before glibc 2.35): there are
// none.
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

  // They belong to the caller; `modules` is null and `count` 1. The records are mapped with the
  // first.
  constexpr ModuleTable(std::atomic<TrackedModule*>* modules, std::atomic<uint32_t>* count)
      : modules_(modules), count_(count) {}
  ModuleTable(const ModuleTable&) = delete;
  ModuleTable& operator=(const ModuleTable&) = delete;

  // Notes what is loaded for good: the program and what it was started with. Takes the dynamic
  // linker's lock.
  void RememberWhatStays();

  // The numbers of the modules that these return addresses lie in, each once, in `numbers`, which
  // has room for kMostModulesOfStack. Returns how many. The frames are of a thread that runs: what
  // they lie in is not being unloaded.
  size_t NumbersOf(std::span<const uint64_t> frames, uint16_t* numbers);
  // Whether the module of that number is loaded where it was.
  bool IsLoaded(uint16_t number);

  // A library is about to be loaded, in whatever table it will be.
  static void ExpectAnother();

  // How many modules were compared with one that was looked for, in all. For tests.
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
    uint64_t id;  // of device, inode and path; 0: not known
    std::string_view path;
  };
  struct Seen {     // of a module without build-id
    uint64_t name;  // a hash of what the dynamic linker calls it
    uint64_t file;  // the File's id
    // At which it was seen to be of that file; changed with the lock held.
    std::atomic<uint64_t> account;
  };
  static constexpr size_t kMostThatStay = 256;
  static constexpr size_t kPlaces = size_t{2} * kMaxModules;
  static constexpr size_t kMapsTextBytes = size_t{8} << 10;  // more than a line of it has

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
  Range stays_[kMostThatStay] = {};
  size_t stays_count_ = 0;
  TableMutex lock_;  // for adding, and for what follows
  // Numbers, each at the first free place from its module's hash on: at least half of them are 0,
  // which is none. Every allocation through a plug-in looks for one.
  uint16_t* places_ = nullptr;
  Seen* seen_ = nullptr;
  char* maps_text_ = nullptr;
  uint64_t compared_ = 0;
  char* paths_ = nullptr;
  size_t paths_left_ = 0;
};

}  // namespace alkaid::heap
