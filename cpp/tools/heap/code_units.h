// CodeUnits: the function at an address of code, and the functions inlined there, from the
// debugging information of one file.
//
// Uses the units themselves, not .debug_aranges, a table that compilers need not write: clang and
// rustc do not. A unit is read at the first request for one of its addresses.
//
// Split units (-gsplit-dwarf) are read from the .dwo files that they name, if those are regular
// files; not from .dwp packages.
//
// A file may be hostile: each walk only goes to greater offsets, and so it ends.
//
// Ownership: borrows the Dwarf. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <vector>

namespace alkaid::tools {

// Throws std::bad_alloc without room for the tables that libdw may make for a unit, since libdw
// ends the process where one cannot grow. The room is much larger than the tables.
void EnsureRoomForTables();

// Go to the first child, and to the next child of the same parent. False where there is none, or
// where the file is damaged and it would not come later in the file.
bool GoToChild(const ::Dwarf_Die& parent, ::Dwarf_Die* child);
bool GoToNext(::Dwarf_Die* die);

class CodeUnits {
 public:
  // The range of addresses [start, end) of a unit or a function.
  template <typename T>
  struct Range {
    uint64_t start;
    uint64_t end;
    T of;
  };

  struct Unit {
    ::Dwarf_Die lines;  // has the line table and the file names
    ::Dwarf_Die code;   // has the functions: the same unit, or the split one
    bool read = false;
    std::vector<Range<::Dwarf_Die>> functions;  // sorted by start
  };

  explicit CodeUnits(::Dwarf* dwarf);

  // The unit with code at this address, in the file's own addresses, or null.
  Unit* UnitAt(uint64_t address);
  // The function of the unit at an address, followed by those inlined in it, innermost last. Empty
  // where the unit does not say.
  static std::vector<::Dwarf_Die> FunctionsAt(Unit* unit, uint64_t address);

 private:
  static void Read(Unit* unit);

  std::vector<Unit> units_;
  std::vector<Range<size_t>> ranges_;  // sorted by start
};

}  // namespace alkaid::tools
