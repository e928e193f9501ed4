// Lines of Python in stack traces, with this machine's Python, or the one in ALKAID_TEST_PYTHON, so
// that each known version can be tested.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string Python() {
  const char* const named = std::getenv("ALKAID_TEST_PYTHON");
  return named != nullptr ? named : "/usr/bin/python3";
}

// What it keeps is never freed, so that it is in a file at exit. Line 1 is empty.
constexpr char kScript[] = R"py(
import ctypes, os, sys, threading
def keep(block):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(block))
def plain(size):
    block = bytearray(size)
    keep(block)
def numbers():
    yield bytearray(123_002)
class Reader:
    def read(self):
        keep(bytearray(123_003))
def deep(n):
    if n:
        deep(n - 1)
    else:
        keep(bytearray(123_004))
def work():
    keep(bytearray(123_005))

plain(123_001)
for block in numbers(): keep(block)
Reader().read()
deep(400)
thread = threading.Thread(target=work)
thread.start()
thread.join()
keep(max([0], key=lambda n: keep(bytearray(123_006)) or 0))
exec(compile("\n\nkeep(bytearray(123_007))", "größe.py", "exec"))
if os.fork() == 0:
    keep(bytearray(123_008))
    sys.exit(0)
os.wait()
)py";

// Changes the frame's chain while it allocates: to no address, to unmapped memory, to itself.
constexpr char kDamagingScript[] = R"py(
import ctypes, mmap, sys
malloc = ctypes.CDLL(None).malloc
malloc.argtypes = [ctypes.c_size_t]
malloc.restype = ctypes.c_void_p
word = ctypes.c_uint64.from_address
previous_at = 48 if sys.version_info < (3, 12) else 8
def damaged(previous, size):
    frame = word(id(sys._getframe()) + 24).value
    link = word(frame + previous_at)
    kept = link.value
    link.value = previous or frame
    malloc(size)
    link.value = kept
for number, previous in enumerate([8, 12345, 0x7fff_ffff_f000, 0xffff_ffff_ffff_fff8, 0]):
    damaged(previous, 124_001 + number)
print("whole")
)py";

class PythonLines : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ALKAID_PRELOAD_LIBRARY)) {
      GTEST_SKIP() << "a build with a sanitizer has no library to preload";
    }
    script_ = folder_.Write("keep.py", kScript);
    damaging_script_ = folder_.Write("damage.py", kDamagingScript);
    const CommandResult version =
        RunCommand({"run", "--track=frames=0", "--", Python(), "-c",
                    "import sys; print((3, 11) <= sys.version_info < (3, 14))"});
    if (version.out != "True\n") {
      GTEST_SKIP() << "the lines of this machine's Python are not known";
    }
  }

  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }
  CommandResult Run(const std::string& file, const std::string& track = "--track") const {
    return RunCommand({"run", track, "--heap-at-exit", File(file), "--", Python(), script_});
  }
  // The lines of Python that allocated the block of `size` bytes, innermost first.
  std::vector<std::string> LinesOf(const std::string& file, int64_t size) const {
    std::vector<std::string> lines;
    const auto heap = heap::ReadHeapFile(file);
    if (!heap.ok()) return {heap.status().ToString()};
    for (const heap::HeapBlock& block : heap->blocks()) {
      if (block.size != size + 1) continue;
      for (const uint64_t frame : heap->frames(block.stack)) {
        const heap::HeapPythonPlace* place = heap->PythonPlaceOf(frame);
        if (place == nullptr) continue;
        const std::string name = std::filesystem::path(place->file).filename();
        lines.push_back(place->function + " " + name + ":" + std::to_string(place->line));
      }
    }
    return lines;
  }

  const TestFolder folder_;
  std::string script_;
  std::string damaging_script_;
};

TEST_F(PythonLines, SayWhereEachBlockWasMade) {
  const CommandResult result = Run("f");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(LinesOf(File("f"), 123'001), ElementsAre("plain keep.py:6", "<module> keep.py:21"));
  EXPECT_THAT(LinesOf(File("f"), 123'002), ElementsAre("numbers keep.py:9", "<module> keep.py:22"));
  EXPECT_THAT(LinesOf(File("f"), 123'003),
              ElementsAre("Reader.read keep.py:12", "<module> keep.py:23"));
  const auto deep = LinesOf(File("f"), 123'004);
  ASSERT_GE(deep.size(), 20U);
  EXPECT_EQ(deep[0], "deep keep.py:17");
  EXPECT_EQ(deep[1], "deep keep.py:15");
  EXPECT_EQ(deep.back(), "deep keep.py:15");
  EXPECT_THAT(LinesOf(File("f"), 123'005),
              ElementsAre("work keep.py:19", StartsWith("Thread.run threading.py:"),
                          StartsWith("Thread._bootstrap_inner threading.py:"),
                          StartsWith("Thread._bootstrap threading.py:")));
  EXPECT_THAT(LinesOf(File("f"), 123'006),
              ElementsAre("<lambda> keep.py:28", "<module> keep.py:28"));
  EXPECT_THAT(LinesOf(File("f"), 123'007),
              ElementsAre("<module> größe.py:3", "<module> keep.py:29"));
}

TEST_F(PythonLines, GoOnInAForkedChild) {
  ASSERT_EQ(Run("f").exit_code, 0);
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (entry.path().filename().string().starts_with("f.")) {
      lines = LinesOf(entry.path(), 123'008);
      EXPECT_EQ(LinesOf(entry.path(), 123'003).size(), 2U);
    }
  }
  EXPECT_THAT(lines, ElementsAre("<module> keep.py:31"));
}

TEST_F(PythonLines, EndWhereTheChainOfFramesIsDamaged) {
  const CommandResult result =
      RunCommand({"run", "--track", "--heap-at-exit", File("f"), "--", Python(), damaging_script_});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "whole\n");
  for (int64_t size = 124'000; size < 124'005; ++size) {
    const auto lines = LinesOf(File("f"), size);
    ASSERT_FALSE(lines.empty()) << size;
    EXPECT_EQ(lines.front(), "damaged damage.py:13") << size;
    EXPECT_THAT(lines, Not(Contains(HasSubstr("<module>")))) << size;
  }
}

TEST_F(PythonLines, AreFoundByEachUnwinder) {
  for (const std::string unwinder : {"cfi", "runtime"}) {
    ASSERT_EQ(Run(unwinder, "--track=unwinder=" + unwinder).exit_code, 0);
    EXPECT_THAT(LinesOf(File(unwinder), 123'001),
                ElementsAre("plain keep.py:6", "<module> keep.py:21"))
        << unwinder;
  }
}

TEST_F(PythonLines, AreLeftOutWhereNobodyWantsThem) {
  ASSERT_EQ(Run("f", "--track=python=off").exit_code, 0);
  EXPECT_THAT(LinesOf(File("f"), 123'001), IsEmpty());
  const CommandResult shown = RunCommand({"heap", "show", "--top", "1000", File("f")});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("_PyEval_EvalFrameDefault"), Not(HasSubstr("keep.py:"))));
}

TEST_F(PythonLines, SayWhichLineKeepsABuffer) {
  const std::string script = folder_.Write("view.py",
                                           "import ctypes, sys\n"
                                           "library = ctypes.CDLL(sys.argv[1])\n"
                                           "def look():\n"
                                           "    library.keep_a_view()\n"
                                           "look()\n");
  const CommandResult result = RunCommand({"run", "--track", "--views", "--heap-at-exit", File("f"),
                                           "--", Python(), script, ALKAID_VIEW_PLUGIN});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const CommandResult retention = RunCommand({"heap", "retention", File("f")});
  EXPECT_THAT(retention.out, ContainsRegex("1.0 MiB held, 200 bytes visible"));
  EXPECT_THAT(retention.out,
              ContainsRegex("made here:\n +#[0-9]+ +keep_a_view at .*\n( +#.*\n)* +#[0-9]+ +"
                            "look at .*/view.py:4\n +#[0-9]+ +<module> at .*:5\n"));
}

TEST_F(PythonLines, StandInReportsBetweenNativeFrames) {
  ASSERT_EQ(Run("f").exit_code, 0);
  ASSERT_EQ(Run("g").exit_code, 0);
  const CommandResult shown = RunCommand({"heap", "show", "--top", "1000", File("f")});
  EXPECT_THAT(shown.out, ContainsRegex("#[0-9]+ +Reader.read at .*/keep.py:12\n *#[0-9]+ +<module> "
                                       "at .*/keep.py:23\n *#[0-9]+ +_?PyEval_"));
  const CommandResult json = RunCommand({"heap", "show", "--json", "--top", "1000", File("f")});
  EXPECT_THAT(json.out, ContainsRegex("\"function\": *\"Reader.read\""));
  // Blocks of two processes that were made at the same lines count as the same.
  const CommandResult changed = RunCommand({"heap", "diff", "--top", "1000", File("f"), File("g")});
  EXPECT_EQ(changed.exit_code, 0) << changed.err;
  EXPECT_THAT(changed.out,
              ContainsRegex("\\+0 bytes, \\+0 blocks \\(1 new, 1 freed\\)[^\n]*\n( +#[^\n]*\n)*"
                            " +#[0-9]+ +Reader.read at "));
}

}  // namespace
}  // namespace alkaid::tools
