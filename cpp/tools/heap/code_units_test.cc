// The function at an address of a program. Programs of several compilers are tested in
// track_run_test.cc.

#if ALKAID_HAVE_LIBDW

#include "tools/heap/code_units.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace alkaid::tools {
namespace {

// The unit of the program's only source, or null.
bool FindUnit(::Dwarf* dwarf, ::Dwarf_Die* unit) {
  ::Dwarf_CU* at = nullptr;
  uint8_t type = 0;
  while (::dwarf_get_units(dwarf, at, &at, nullptr, &type, unit, nullptr) == 0) {
    const char* const name = ::dwarf_diename(unit);
    if (name != nullptr && std::string(name).ends_with("planted_contents.cc")) return true;
  }
  return false;
}

TEST(CodeUnits, TheFunctionIsTheOneAroundTheAddress) {
  const int file = ::open(ALKAID_PLANTED_CONTENTS, O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  ::Dwarf* const dwarf = ::dwarf_begin(file, DWARF_C_READ);
  ASSERT_NE(dwarf, nullptr);
  ::Dwarf_Die unit;
  ASSERT_TRUE(FindUnit(dwarf, &unit));
  CodeUnits units(dwarf);
  int functions = 0;
  ::Dwarf_Die die;
  for (bool there = GoToChild(unit, &die); there; there = GoToNext(&die)) {
    ::Dwarf_Addr start = 0;
    if (::dwarf_lowpc(&die, &start) != 0) continue;
    ++functions;
    CodeUnits::Unit* const found = units.UnitAt(start);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(::dwarf_dieoffset(&found->lines), ::dwarf_dieoffset(&unit));
    const std::vector<::Dwarf_Die> around = CodeUnits::FunctionsAt(found, start);
    ASSERT_FALSE(around.empty());
    ::Dwarf_Die outermost = around.front();
    EXPECT_EQ(::dwarf_dieoffset(&outermost), ::dwarf_dieoffset(&die));
  }
  EXPECT_GT(functions, 1);
  EXPECT_EQ(units.UnitAt(1), nullptr);
  EXPECT_EQ(units.UnitAt(UINT64_MAX), nullptr);
  ::dwarf_end(dwarf);
  ::close(file);
}

}  // namespace
}  // namespace alkaid::tools

#endif
