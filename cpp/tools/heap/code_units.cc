#if ALKAID_HAVE_LIBDW

#include "tools/heap/code_units.h"

#include <dwarf.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <string>

#include "tools/heap/openable_file.h"

namespace alkaid::tools {
namespace {

// Only hostile files nest units or functions deeper.
constexpr int kMaxLevels = 1000;

const char* TextOf(::Dwarf_Die* die, std::initializer_list<unsigned int> attributes) {
  for (const unsigned int attribute : attributes) {
    ::Dwarf_Attribute memory;
    const char* const text = ::dwarf_formstring(::dwarf_attr(die, attribute, &memory));
    if (text != nullptr) return text;
  }
  return nullptr;
}

// Whether libdw may open the split unit; for a pipe it would wait.
bool NamesARegularFile(::Dwarf_Die* skeleton) {
  const char* const name = TextOf(skeleton, {DW_AT_dwo_name, DW_AT_GNU_dwo_name});
  if (name == nullptr) return false;
  const char* const folder = TextOf(skeleton, {DW_AT_comp_dir});
  std::vector<std::string> paths = {name};
  if (folder != nullptr) paths.push_back(std::string(folder) + "/" + name);
  return std::ranges::all_of(paths, IsRegularOrMissing);
}

template <typename T>
void AddRangesOf(::Dwarf_Die* die, const T& of, std::vector<CodeUnits::Range<T>>* ranges) {
  ::Dwarf_Addr base = 0;
  ::Dwarf_Addr start = 0;
  ::Dwarf_Addr end = 0;
  for (ptrdiff_t at = 0; (at = ::dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
    // The linker places code that it left out at 0.
    if (start != 0 && start < end) ranges->push_back({start, end, of});
  }
}

template <typename T>
void Sort(std::vector<CodeUnits::Range<T>>* ranges) {
  std::stable_sort(ranges->begin(), ranges->end(),
                   [](const auto& a, const auto& b) { return a.start < b.start; });
}

// Of the ranges with the address, the one that begins last.
template <typename T>
const CodeUnits::Range<T>* RangeAt(const std::vector<CodeUnits::Range<T>>& ranges,
                                   uint64_t address) {
  auto behind = std::upper_bound(
      ranges.begin(), ranges.end(), address,
      [](uint64_t wanted, const CodeUnits::Range<T>& range) { return wanted < range.start; });
  // A function may lie inside another's range; the enclosing ranges begin before it.
  for (int i = 0; behind != ranges.begin() && i < kMaxLevels; ++i) {
    --behind;
    if (address < behind->end) return &*behind;
  }
  return nullptr;
}

// Whether functions with code of their own may be among the children.
bool MayHoldFunctions(int tag) {
  switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_interface_type:
      return true;
    default:
      return false;
  }
}

// Goes to the child in which the code at this address was inlined, or to a block that contains it;
// false where the code is the parent's own.
bool GoToChildAt(const ::Dwarf_Die& parent, uint64_t address, ::Dwarf_Die* found) {
  if (!GoToChild(parent, found)) return false;
  do {
    switch (::dwarf_tag(found)) {
      case DW_TAG_inlined_subroutine:
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
        if (::dwarf_haspc(found, address) > 0) return true;
        break;
      default:
        break;
    }
  } while (GoToNext(found));
  return false;
}

}  // namespace

void EnsureRoomForTables() {
  constexpr size_t kRoom = size_t{8} << 20;
  void* const mapped =
      ::mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  ::munmap(mapped, kRoom);
}

bool GoToNext(::Dwarf_Die* die) {
  const ::Dwarf_Off before = ::dwarf_dieoffset(die);
  ::Dwarf_Die next;
  if (::dwarf_siblingof(die, &next) != 0 || ::dwarf_dieoffset(&next) <= before) return false;
  *die = next;
  return true;
}

bool GoToChild(const ::Dwarf_Die& parent, ::Dwarf_Die* child) {
  ::Dwarf_Die copy = parent;
  return ::dwarf_child(&copy, child) == 0 && ::dwarf_dieoffset(child) > ::dwarf_dieoffset(&copy);
}

CodeUnits::CodeUnits(::Dwarf* dwarf) {
  EnsureRoomForTables();
  ::Dwarf_CU* unit = nullptr;
  ::Dwarf_Half version = 0;
  uint8_t type = 0;
  ::Dwarf_Die die;
  while (::dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, nullptr) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    units_.push_back({.lines = die, .code = die, .functions = {}});
    AddRangesOf(&die, units_.size() - 1, &ranges_);
  }
  Sort(&ranges_);
}

CodeUnits::Unit* CodeUnits::UnitAt(uint64_t address) {
  const Range<size_t>* const range = RangeAt(ranges_, address);
  if (range == nullptr) return nullptr;
  Unit* const unit = &units_[range->of];
  if (!unit->read) Read(unit);
  return unit;
}

void CodeUnits::Read(Unit* unit) {
  EnsureRoomForTables();
  unit->read = true;
  if (NamesARegularFile(&unit->lines)) {
    ::Dwarf_Die split;
    uint8_t type = 0;
    if (::dwarf_cu_info(unit->lines.cu, nullptr, &type, nullptr, &split, nullptr, nullptr,
                        nullptr) == 0 &&
        type == DW_UT_skeleton && split.addr != nullptr) {
      unit->code = split;
    }
  }
  std::vector<::Dwarf_Die> path;  // from the unit's child down
  ::Dwarf_Die die;
  bool there = GoToChild(unit->code, &die);
  while (there) {
    const int tag = ::dwarf_tag(&die);
    if (tag == DW_TAG_subprogram) AddRangesOf(&die, die, &unit->functions);
    ::Dwarf_Die child;
    if (path.size() < kMaxLevels && MayHoldFunctions(tag) && GoToChild(die, &child)) {
      path.push_back(die);
      die = child;
      continue;
    }
    while (!(there = GoToNext(&die)) && !path.empty()) {
      die = path.back();
      path.pop_back();
    }
  }
  Sort(&unit->functions);
}

std::vector<::Dwarf_Die> CodeUnits::FunctionsAt(Unit* unit, uint64_t address) {
  EnsureRoomForTables();
  std::vector<::Dwarf_Die> functions;
  const Range<::Dwarf_Die>* const range = RangeAt(unit->functions, address);
  if (range == nullptr) return functions;
  functions.push_back(range->of);
  ::Dwarf_Die at = range->of;
  ::Dwarf_Die next;
  for (int level = 0; level < kMaxLevels && GoToChildAt(at, address, &next); ++level) {
    at = next;
    if (::dwarf_tag(&at) == DW_TAG_inlined_subroutine) functions.push_back(at);
  }
  return functions;
}

}  // namespace alkaid::tools

#endif
