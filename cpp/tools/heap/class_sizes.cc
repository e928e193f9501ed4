#if ALKAID_HAVE_LIBDW

#include "tools/heap/class_sizes.h"

#include <dwarf.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "tools/heap/code_units.h"

namespace alkaid::tools {
namespace {

// Only hostile files nest namespaces and classes deeper.
constexpr size_t kMaxClassLevels = 100;
constexpr size_t kMaxSizes = 16;  // for classes of one name

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

void ReplaceAll(std::string_view from, std::string_view to, std::string* text) {
  for (size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

// "3ul" of "Sized<3ul>" is "3".
std::string WithoutSuffixesOfNumbers(const std::string& text) {
  std::string kept;
  bool in_number = false;
  for (const char c : text) {
    const bool begins = kept.empty() || !IsWordCharacter(kept.back());
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      in_number = in_number || begins;
    } else if (in_number && (c == 'u' || c == 'l')) {
      continue;
    } else {
      in_number = false;
    }
    kept.push_back(c);
  }
  return kept;
}

bool HoldsClasses(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
}

}  // namespace

std::string ComparableClassName(std::string_view name) {
  std::string text(name);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kWordings = {{
      {"long long unsigned int", "unsigned long long"},
      {"long unsigned int", "unsigned long"},
      {"short unsigned int", "unsigned short"},
      {"long long int", "long long"},
      {"long int", "long"},
      {"short int", "short"},
      {"{anonymous}", "(anonymous namespace)"},
      {"`anonymous namespace'", "(anonymous namespace)"},
  }};
  for (const auto& [from, to] : kWordings) ReplaceAll(from, to, &text);
  text = WithoutSuffixesOfNumbers(text);
  std::erase(text, ' ');
  return text;
}

ClassSizes::ClassSizes(::Dwarf* dwarf) {
  ::Dwarf_CU* unit = nullptr;
  ::Dwarf_Half version = 0;
  uint8_t type = 0;
  ::Dwarf_Die die;
  EnsureRoomForTables();
  while (entries_left_ > 0 &&
         ::dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, nullptr) == 0) {
    if (type != DW_UT_compile && type != DW_UT_type) continue;
    EnsureRoomForTables();
    Read(&die);
  }
  // What was not read may have another class with one of these names.
  if (entries_left_ == 0) sizes_.clear();
}

void ClassSizes::Read(::Dwarf_Die* unit) {
  struct Level {
    ::Dwarf_Die die;
    std::string name;
  };
  std::vector<Level> path;  // around `die`, from the unit's child down
  ::Dwarf_Die die;
  bool there = GoToChild(*unit, &die);
  while (there && entries_left_ > 0) {
    --entries_left_;
    const int tag = ::dwarf_tag(&die);
    if (HoldsClasses(tag)) {
      const char* const own = ::dwarf_diename(&die);
      std::string name = path.empty() ? "" : path.back().name + "::";
      name += own != nullptr ? own : "(anonymous namespace)";
      if (tag != DW_TAG_namespace) Add(&die, name);
      ::Dwarf_Die child;
      // A class without a name cannot be named by a symbol.
      if (path.size() < kMaxClassLevels && (own != nullptr || tag == DW_TAG_namespace) &&
          GoToChild(die, &child)) {
        path.push_back({die, std::move(name)});
        die = child;
        continue;
      }
    }
    while (!(there = GoToNext(&die)) && !path.empty()) {
      die = path.back().die;
      path.pop_back();
    }
  }
}

void ClassSizes::Add(::Dwarf_Die* type, const std::string& name) {
  // For a class with virtual functions compilers record which class has its table.
  if (::dwarf_hasattr(type, DW_AT_containing_type) == 0 ||
      ::dwarf_hasattr(type, DW_AT_declaration) != 0) {
    return;
  }
  const int size = ::dwarf_bytesize(type);
  if (size <= 0) return;
  std::vector<uint64_t>& sizes = sizes_[ComparableClassName(name)];
  const auto bytes = static_cast<uint64_t>(size);
  if (sizes.size() < kMaxSizes && std::ranges::find(sizes, bytes) == sizes.end()) {
    sizes.push_back(bytes);
  }
}

std::vector<uint64_t> ClassSizes::Of(const std::string& name) const {
  const auto place = sizes_.find(ComparableClassName(name));
  return place == sizes_.end() ? std::vector<uint64_t>() : place->second;
}

}  // namespace alkaid::tools

#endif
