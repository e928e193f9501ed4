// CodeUnits: which function a place of code belongs to, and what was inlined there, by the
// debugging information of one file.
//
// Goes by the units themselves and not by .debug_aranges, a table that compilers need not write:
// clang and rustc do not. A unit is read when an address of its own is asked for first.
//
// Split units (-gsplit-dwarf) are read from the .dwo files that they name, where those are regular
// files; not from .dwp packages.
//
// A file may be hostile: each walk goes on to greater offsets only, and so it ends.
//
// Ownership: borrows the Dwarf. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <vector>

namespace alkaid::tools {

// Throws where there is no room for the tables that libdw may have to make for a unit: it ends the
// process where one cannot grow. They are much smaller than the room.
void EnsureRoomForTables();

// Go to the first child, and to the next one of the same parent. False where there is none, or
// where the file is damaged and it would not come later in the file.
bool GoToChild(const ::Dwarf_Die& parent, ::Dwarf_Die* child);
bool GoToNext(::Dwarf_Die* die);

class CodeUnits {
 public:
  // The range of addresses [start, end) that belongs to a unit or a function.
  template <typename T>
  struct Range {
    uint64_t start;
    uint64_t end;
    T of;
  };

  struct Unit {
    ::Dwarf_Die lines;  // has the line table and the files
    ::Dwarf_Die code;   // has the functions: the same, or that of the split unit
    bool read = false;
    std::vector<Range<::Dwarf_Die>> functions;  // by start
  };

  explicit CodeUnits(::Dwarf* dwarf);

  // The unit that has code at this address, in the file's own addresses, or null.
  Unit* UnitAt(uint64_t address);
  // The function of the unit there, and those that were inlined in it, innermost last. Empty where
  // the unit does not say.
  static std::vector<::Dwarf_Die> FunctionsAt(Unit* unit, uint64_t address);

 private:
  static void Read(Unit* unit);

  std::vector<Unit> units_;
  std::vector<Range<size_t>> ranges_;  // by start
};

}  // namespace alkaid::tools
