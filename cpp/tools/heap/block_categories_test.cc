// The categories of blocks, as `alkaid heap show` and `alkaid heap diff` print them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "fixtures/made_heap.h"
#include "tools/heap/heap_symbols.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = heap::fixtures;
using fixtures::Block;
using heap::HeapContents;
using heap::HeapSnapshot;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPython[] = "/usr/bin/python3";

// Runs a program that prints what it holds, CATEGORY and ADDRESS with a tab between them, and
// expects its blocks to be listed with these categories.
class PlantedContents : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ALKAID_PRELOAD_LIBRARY)) {
      GTEST_SKIP() << "a build with a sanitizer has no library to preload";
    }
  }
  // For each category the number of blocks that were found to be what the program printed.
  std::map<std::string, int> FindWhatIsPlanted(
      std::vector<std::string> command, const std::map<std::string, std::string>& environment) {
    const std::string file = folder_.path() + "/planted.heap";
    command.insert(command.begin(), {"run", "--track", "--heap-at-exit", file, "--"});
    const CommandResult ran = RunCommand(command, environment);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    const CommandResult shown =
        RunCommand({"heap", "show", "--blocks", "--json", "--top", "0", "--by", "category", file});
    EXPECT_EQ(shown.exit_code, 0) << shown.err;
    const auto json = nlohmann::json::parse(shown.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded());
    std::map<std::string, std::string> categories;
    for (const auto& block : json["blocks"]) {
      categories[block["address"]] = block["category"];
    }
    std::map<std::string, int> found;
    std::istringstream lines(ran.out);
    for (std::string category, address;
         std::getline(lines, category, '\t') && std::getline(lines, address);) {
      EXPECT_EQ(categories[address], category) << address;
      ++found[category];
    }
    return found;
  }

  const TestFolder folder_;
};

TEST_F(PlantedContents, EachIsWhatItIsAndWhatOnlyLooksLikeItIsUncategorized) {
  if (!HeapSymbols::CanName()) GTEST_SKIP() << "this build cannot read symbol tables";
  const std::map<std::string, int> expected = {{"planted::Shape", 1},
                                               {"planted::Square", 1},
                                               {"(anonymous namespace)::Boxed<long>", 1},
                                               {"planted::Triangle", 3},
                                               {"std::bad_alloc", 1},
                                               {"std::runtime_error", 1},
                                               {"std::string", 1},
                                               {"vector of pointers", 3},
                                               {"std::deque buffer", 2},
                                               {"hash node", 50},
                                               {"uncategorized", 123}};
  std::map<std::string, int> found = FindWhatIsPlanted({ALKAID_PLANTED_CONTENTS}, {});
  EXPECT_GE(found["hash node"], 1);
  found["hash node"] = 50;
  EXPECT_EQ(found, expected);
}

// Each object's type determines where its block begins.
constexpr char kPythonProgram[] = R"(
import ctypes, collections
class Point:
    def __init__(self): self.x = 1
class Slotted:
    __slots__ = ("a",)
class Derived(dict): pass
class Meta(type): pass
class Made(metaclass=Meta): pass
kept = [{1: 2}, list(range(50)), bytearray(3000), "a text", "t\u00e4xt", 123456789012, 1.5, b"bytes", (1, 2), {3, 4},
        Point(), Slotted(), Derived(a=1), Made(), collections.OrderedDict(), len, Point, Made]
for one in kept:
    flags = type(one).__flags__
    offset = 0 if not flags >> 14 & 1 else 32 if flags & 0x18 else 16
    name = type(one).__name__
    name = {"OrderedDict": "collections.OrderedDict"}.get(name, name)
    print(f"Python {name}\t{id(one) - offset:#x}")
keys = ctypes.c_void_p.from_address(id(kept[0]) + 32).value
items = ctypes.c_void_p.from_address(id(kept[1]) + 24).value
print(f"Python dict keys\t{keys:#x}")
data = ctypes.c_void_p.from_address(id(kept[2]) + 32).value
print(f"Python bytearray bytes\t{data:#x}")
print(f"Python list items\t{items:#x}", flush=True)
ctypes.CDLL(None).exit(0)
)";

TEST_F(PlantedContents, PythonsObjectsAreKnownByTheirTypes) {
  if (!std::filesystem::exists(kPython)) GTEST_SKIP() << kPython << " is not installed";
  const std::map<std::string, int> found = FindWhatIsPlanted(
      {kPython, "-c", kPythonProgram}, {{"PYTHONMALLOC", "malloc"}, {"PYTHONHASHSEED", "0"}});
  EXPECT_EQ(found.size(), 20u) << ::testing::PrintToString(found);
}

// A snapshot with one block for each source of a category.
HeapSnapshot Example(const std::string& name, int strings) {
  HeapContents contents = fixtures::EmptyContents(name);
  contents.labels.push_back("malloc");
  contents.categories = {"std::string", "red\x1b[31m"};
  for (int i = 0; i < strings; ++i) {
    heap::HeapBlock block = Block(0x1000 + 0x100 * static_cast<uint64_t>(i), 50, 1, 1, 3);
    block.pool = 0;
    contents.recognized.push_back({static_cast<uint32_t>(i), i == 0 ? 1U : 0U});
    contents.blocks.push_back(block);
  }
  contents.blocks.push_back(Block(0x200000, 355'920, 2, 2, 1));
  contents.blocks.push_back(Block(0x300000, 8, 3, 2, 0));
  return HeapSnapshot::Make(std::move(contents)).value();
}

class BlockCategories : public ::testing::Test {
 protected:
  std::string File(const std::string& name, int strings) const {
    return folder_.Write(name + ".heap", fixtures::FileBytes(Example(name, strings)));
  }
  const TestFolder folder_;
};

TEST_F(BlockCategories, StandInAColumnUnlessTheLabelSaysTheSame) {
  const CommandResult result = RunCommand({"heap", "show", "--blocks", File("x", 2)});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr(" bytes  malloc       red\\x1b[31m    66 69 72"));
  EXPECT_THAT(result.out, HasSubstr(" bytes  malloc       std::string    66 69 72"));
  EXPECT_THAT(result.out, HasSubstr(" bytes  dgram.batch                 66 69 72"));
  EXPECT_THAT(result.out, HasSubstr(" bytes  mimalloc     uncategorized  66 69 72"));
}

TEST_F(BlockCategories, AreAGroupingOfWhatIsLiveAndOfWhatChanged) {
  const CommandResult shown = RunCommand({"heap", "show", "--by", "category", File("x", 3)});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("By category:\n"), Not(HasSubstr("By label")),
                               HasSubstr("100 bytes            2 blocks  oldest 30.0 s      "
                                         "std::string\n"),
                               HasSubstr("355,920 bytes             1 block  oldest 30.0 s      "
                                         "dgram.batch\n")));
  const CommandResult changed = RunCommand({"heap", "diff", File("a", 2), File("b", 4)});
  EXPECT_THAT(changed.out, HasSubstr("By category:\n"));
  EXPECT_THAT(changed.out, HasSubstr("+100 bytes           +2 blocks  (2 new, 0 freed)  "
                                     "std::string\n"));
}

TEST_F(BlockCategories, AreInJsonAsTheyAre) {
  const CommandResult result = RunCommand({"heap", "show", "--blocks", "--json", File("x", 2)});
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << result.out;
  std::vector<std::string> of_blocks;
  for (const auto& block : json["blocks"]) of_blocks.push_back(block["category"]);
  EXPECT_EQ(of_blocks, (std::vector<std::string>{"red\x1b[31m", "std::string", "dgram.batch",
                                                 "uncategorized"}));
  ASSERT_EQ(json["categories"].size(), 4u);
  EXPECT_EQ(json["categories"][0]["category"], "dgram.batch");
  EXPECT_EQ(json["categories"][0]["bytes"], 355'920);
}

}  // namespace
}  // namespace alkaid::tools
