// MemoryStamp: how much memory there was at one moment, by each account that there is.
//
// The accounts lie inside each other, so that their differences say where growth is:
//
//   vm >= rss >= held (what the allocators under the pools, and the C library's, have in memory)
//             >= in_use (what these allocators have handed out)
//             >= live (what the pools have handed out)
//             >= roots >= visible (only while views are tracked)
//
// rss - held is memory that no known allocator has: mappings, stacks, other allocators. held -
// in_use is free and kept: fragmentation, or a cache. in_use - live is the program's own malloc,
// and what allocators round sizes up by. live is Alkaid's. roots - visible is what nobody can see
// any more, and views keep. In real processes the order holds only nearly: the accounts are read
// one after the other, and held of the C library and of mimalloc is what they have mapped, touched
// or not.
//
// Units: MB of 1,000,000 bytes; seconds of Unix time. A figure that is not known is NaN.
// Ownership: a value. Threads: as any value. Allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

namespace alkaid::growth {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kBytesPerMb = 1e6;

// One row of a profile's file; the members are its columns, in this order. Files with fewer columns
// (at least 2) have NaN in the others; files with more have more than this version knows.
struct MemoryStamp {
  double time_s = 0;          // Unix time
  double vm_mb = 0;           // VmSize: address space
  double rss_mb = kUnknown;   // VmRSS: what of it is in memory
  double live_mb = kUnknown;  // bytes_allocated of all pools that stand on an allocator, once each
  double held_mb = kUnknown;  // what their allocators and malloc have from the system
  double in_use_mb = kUnknown;   // what of it these allocators have handed out
  double roots_mb = kUnknown;    // roots that live views keep
  double visible_mb = kUnknown;  // what of these the views show, each byte once
  // After ReleaseUnused on all pools, right behind the other figures; only in rows where that was
  // tried, mostly the last.
  double released_rss_mb = kUnknown;
  double released_held_mb = kUnknown;
};

inline constexpr size_t kStampColumns = 10;
static_assert(sizeof(MemoryStamp) == kStampColumns * sizeof(double));
inline constexpr std::array<std::string_view, kStampColumns> kStampColumnNames = {
    "time",   "vm",    "rss",     "live",         "held",
    "in_use", "roots", "visible", "released_rss", "released_held"};

}  // namespace alkaid::growth
