#include "alkaid/core/files/partial_read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "alkaid/testing/matchers.h"
#include "fixtures/scripted_file.h"

namespace alkaid::io {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSize = int64_t{1} << 20;

// A file that counts its reads, and fails each one that includes a byte from `bad` on.
struct BadSector {
  int64_t bad;
  StatusCode code = StatusCode::kUnknown;
  int reads = 0;
  int fails = INT32_MAX;
  internal::ScriptedFile file{
      [this](int64_t position, int64_t nbytes, void* out) -> Result<int64_t> {
        ++reads;
        const int64_t count = std::clamp<int64_t>(kSize - position, 0, nbytes);
        if (position + count > bad && fails-- > 0) {
          return Status(code, "no byte " + std::to_string(std::max(bad, position)));
        }
        std::memset(out, 'x', static_cast<size_t>(count));
        return count;
      }};
};

TEST(PartialRead, GivesEachByteBeforeASectorThatIsBadAndSaysWhich) {
  std::string out(kSize, ' ');
  for (const int64_t position : {int64_t{0}, int64_t{1}, int64_t{5000}}) {
    for (const int64_t sector : {int64_t{2}, int64_t{16}, int64_t{201}}) {
      BadSector disk{.bad = sector * 4096};
      const PartialRead read = ReadUpToFailure(disk.file, position, kSize - position, out.data());
      EXPECT_EQ(read.nbytes, disk.bad - position);
      EXPECT_THAT(read.failure,
                  StatusIs(StatusCode::kUnknown, HasSubstr(std::to_string(disk.bad))));
      // The bad place is met three times; the rest is read in steps of 64 KiB and less.
      EXPECT_LE(disk.reads, 3 + sector / 16 + 16);
    }
  }
}

TEST(PartialRead, IsOneReadWhereNothingFails) {
  std::string out(kSize, ' ');
  BadSector disk{.bad = INT64_MAX};
  EXPECT_EQ(ReadUpToFailure(disk.file, 100, kSize, out.data()).nbytes, kSize - 100);
  EXPECT_EQ(disk.reads, 1);
}

TEST(PartialRead, LeavesToTheCallerWhatMayPass) {
  std::string out(kSize, ' ');
  for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kResourceExhausted}) {
    BadSector disk{.bad = 8192, .code = code};
    const PartialRead read = ReadUpToFailure(disk.file, 0, kSize, out.data());
    EXPECT_EQ(read.nbytes, 0);
    EXPECT_EQ(read.failure.code(), code);
    EXPECT_EQ(disk.reads, 1);
  }
}

TEST(PartialRead, IsWholeWhereThePlaceCanBeReadAfterAll) {
  std::string out(kSize, ' ');
  BadSector disk{.bad = 8192, .fails = 2};
  const PartialRead read = ReadUpToFailure(disk.file, 0, kSize, out.data());
  EXPECT_EQ(read.nbytes, kSize);
  ALKAID_EXPECT_OK(read.failure);
}

}  // namespace
}  // namespace alkaid::io
