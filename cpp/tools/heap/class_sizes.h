// ClassSizes: the size of an object of a class with virtual functions, from the debugging
// information of one file.
//
// Compilers and the demangler spell a name differently ("Boxed<long int>", "Boxed<long>"), so names
// are compared in a normalized form. The first request reads all units, up to a limit of 4 Mi
// entries. Classes inside functions are not known, nor those of split units (-gsplit-dwarf).
//
// A file may be hostile: each walk only goes to greater offsets, and so it ends.
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

// The normalized form: "Boxed<unsignedlong,3>" for "Boxed<unsigned long, 3ul>" and for "Boxed<long
// unsigned int, 3>".
std::string ComparableClassName(std::string_view name);

class ClassSizes {
 public:
  explicit ClassSizes(::Dwarf* dwarf);

  // The sizes of the classes of that name, such as "shapes::Square": several, where several files
  // of the program have a class of that name. Empty where none is known.
  std::vector<uint64_t> Of(const std::string& name) const;

 private:
  void Read(::Dwarf_Die* unit);
  void Add(::Dwarf_Die* type, const std::string& name);

  std::unordered_map<std::string, std::vector<uint64_t>> sizes_;
  uint64_t entries_left_ = uint64_t{4} << 20;
};

}  // namespace alkaid::tools
