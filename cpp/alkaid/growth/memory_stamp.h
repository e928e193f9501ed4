// MemoryStamp: how much memory there was at one moment, in each known account.
//
// Each account contains the next, so their differences show where growth is:
//
//   vm >= rss >= held (what the allocators under the pools, and the C library's, have in memory)
//             >= in_use (what these allocators have handed out)
//             >= live (what the pools have handed out)
//             >= roots >= visible (only while views are tracked)
//
// rss - held is memory of no known allocator: mappings, stacks, other allocators. held - in_use is
// kept free: fragmentation, or a cache. in_use - live is the program's own malloc, and the rounding
// of sizes by allocators. live is Alkaid's. roots - visible is memory that views keep and no view
// shows. In real processes the order holds only nearly: the accounts are read one after the other,
// and held of the C library and of mimalloc is what they have mapped, touched or not.
//
// Units: MB of 1,000,000 bytes; seconds of Unix time. An unknown figure is NaN.
// Ownership: a value. Threads: as any value. Allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

namespace alkaid::growth {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kBytesPerMb = 1e6;

// One row of a profile's file; the members are its columns, in this order. For a file with fewer
// columns (at least 2) the others are NaN; further columns are unknown to this version.
struct MemoryStamp {
  double time_s = 0;          // Unix time
  double vm_mb = 0;           // VmSize: address space
  double rss_mb = kUnknown;   // VmRSS: the part of it that is in memory
  double live_mb = kUnknown;  // bytes_allocated of all pools that stand on an allocator, once each
  double held_mb = kUnknown;  // what their allocators and malloc have obtained from the system
  double in_use_mb = kUnknown;   // the part of it that these allocators have handed out
  double roots_mb = kUnknown;    // roots that live views keep
  double visible_mb = kUnknown;  // the part of these that the views show, each byte once
  // After ReleaseUnused on all pools, right after the other figures; only in rows where that was
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
