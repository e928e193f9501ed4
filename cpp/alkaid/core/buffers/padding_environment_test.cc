// ALKAID_DEBUG_MEMORY_POOL and the padding of buffers, seen from outside: writes behind the end are
// planted in child processes, and each must be found although the bytes belong to the block.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::ChildResult;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The child's part: one life of a buffer of 100 bytes, written at `place`.
int RunAsChild(const std::string& backend, const std::string& kind, int place) {
  auto pool = CreateMemoryPool(backend);
  if (!pool.ok()) return 3;
  if (kind == "fixed") {
    auto buffer = AllocateBuffer(100, pool->get());
    if (!buffer.ok() || (*buffer)->capacity() != 128) return 4;
    (*buffer)->mutable_data()[place] = 7;
  } else if (kind == "resizable") {
    auto buffer = AllocateResizableBuffer(100, pool->get());
    if (!buffer.ok() || (*buffer)->capacity() != 128) return 4;
    (*buffer)->mutable_data()[place] = 7;
  } else {
    return 5;
  }
  std::printf("came through\n");
  return 0;
}

ChildResult Write(const char* mode, const std::string& backend, const char* kind, int place) {
  return RunSelf({backend, kind, std::to_string(place)}, {{"ALKAID_DEBUG_MEMORY_POOL", mode}});
}

TEST(DebugPadding, AWriteRightBehindAFixedBufferIsFoundOnEachBackend) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    for (const int place : {100, 127}) {
      SCOPED_TRACE(backend + ", byte " + std::to_string(place));
      const ChildResult aborted = Write("abort", backend, "fixed", place);
      EXPECT_EQ(aborted.signal(), SIGABRT) << aborted.status;
      const ChildResult warned = Write("warn", backend, "fixed", place);
      EXPECT_TRUE(warned.ExitedWith(0)) << warned.status;
      EXPECT_THAT(warned.err, AllOf(HasSubstr("byte " + std::to_string(place) + " behind the end"),
                                    HasSubstr("100-byte buffer at 0x"), HasSubstr(backend)));
    }
  }
}

TEST(DebugPadding, WritesInsideABufferAreNoFault) {
  for (const int place : {0, 99}) {
    const ChildResult child = Write("abort", "system", "fixed", place);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(DebugPadding, AResizableBufferMayBeWrittenUpToItsCapacity) {
  const ChildResult child = Write("abort", "system", "resizable", 127);
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_THAT(child.err, IsEmpty());
}

TEST(DebugPadding, NobodyLooksWhileTheModeIsOff) {
  const ChildResult child = Write("none", "system", "fixed", 100);
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, "came through\n");
  EXPECT_THAT(child.err, IsEmpty());
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (argc == 4) return alkaid::RunAsChild(argv[1], argv[2], std::stoi(argv[3]));
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
