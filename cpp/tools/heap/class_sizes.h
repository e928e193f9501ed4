// ClassSizes: how many bytes an object of a class with virtual functions has, by the debugging
// information of one file.
//
// Compilers and the demangler do not write a name alike ("Boxed<long int>", "Boxed<long>"), so
// names are compared in a form of their own. All units are read when a class is asked for first, up
// to a limit of 4 Mi entries. Not known are classes inside of functions, and those of split units
// (-gsplit-dwarf).
//
// A file may be hostile: each walk goes on to greater offsets only, and so it ends.
//
// Ownership: borrows the Dwarf. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace alkaid::tools {

// "Boxed<unsignedlong,3>" of "Boxed<unsigned long, 3ul>" and of "Boxed<long unsigned int, 3>".
std::string ComparableClassName(std::string_view name);

class ClassSizes {
 public:
  explicit ClassSizes(::Dwarf* dwarf);

  // Of the classes of that name, such as "shapes::Square": several, where files of the program have
  // classes of their own under one name. Empty where none is known.
  std::vector<uint64_t> Of(const std::string& name) const;

 private:
  void Read(::Dwarf_Die* unit);
  void Add(::Dwarf_Die* type, const std::string& name);

  std::unordered_map<std::string, std::vector<uint64_t>> sizes_;
  uint64_t entries_left_ = uint64_t{4} << 20;
};

}  // namespace alkaid::tools
