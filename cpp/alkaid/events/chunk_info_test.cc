#include "alkaid/events/chunk_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "alkaid/testing/matchers.h"
#include "fixtures/crafted_dgrams.h"

namespace alkaid::events {
namespace {

namespace crafted = dgram::crafted;
using dgram::TransitionId;
using ::testing::HasSubstr;

constexpr uint32_t kSrc = 0x1fe;
constexpr uint32_t kUInt32 = 2, kUInt64 = 3, kCharStr = 10;

std::string Declaration(uint32_t id_type = kUInt32, const char* filename_field = "filename") {
  return crafted::Names(kSrc, "chunkinfo", 0, "chunkinfo",
                        {{"chunkid", id_type, 0}, {filename_field, kCharStr, 1}});
}
std::string Payload(uint32_t id, const std::string& filename) {
  return crafted::ShapesData(kSrc, crafted::Shape({static_cast<uint32_t>(filename.size())}),
                             crafted::Bytes(id) + filename);
}

// Reads what a datagram with `payload` announces under `declaration`.
Result<ChunkInfo> Read(const std::string& payload, TransitionId service = TransitionId::kEnable,
                       const std::string& declaration = Declaration()) {
  ALKAID_ASSIGN_OR_RAISE(
      const dgram::Dgram configure,
      dgram::Dgram::Make(crafted::AsBuffer(crafted::Dgram(TransitionId::kConfigure, declaration))));
  ALKAID_ASSIGN_OR_RAISE(const dgram::Dgram enable,
                         dgram::Dgram::Make(crafted::AsBuffer(crafted::Dgram(service, payload)), 0,
                                            configure.configuration(), "run.xtc2", 7));
  return ChunkInfo::Read(enable);
}

TEST(ChunkInfo, TellsTheNextFileThatAnEnableAnnounces) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const ChunkInfo info, Read(Payload(3, std::string("b-c003\0\0", 8))));
  EXPECT_EQ(info.chunk_id, 3);
  EXPECT_EQ(info.filename, "b-c003");
  EXPECT_EQ(info.PathBeside("folder/b-c002.xtc2"), "folder/b-c003");
  EXPECT_EQ(info.PathBeside("/b-c002.xtc2"), "/b-c003");
  EXPECT_EQ(info.PathBeside("b-c002.xtc2"), "b-c003");
}

TEST(ChunkInfo, EndsItsNameWithTheArrayWhereThereIsNoNul) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const ChunkInfo info, Read(Payload(3, "b-c003")));
  EXPECT_EQ(info.filename, "b-c003");
}

TEST(ChunkInfo, IsNotFoundWhereNoneIsCarried) {
  EXPECT_THAT(Read(""), StatusIs(StatusCode::kNotFound, HasSubstr("Enable): no chunkinfo")));
  EXPECT_THAT(Read(Payload(3, "b"), TransitionId::kSlowUpdate),
              StatusIs(StatusCode::kNotFound, HasSubstr("SlowUpdate")));
}

TEST(ChunkInfo, RefusesNamesThatLeaveTheFolder) {
  for (const std::string name : {"", ".", "..", "/etc/passwd", "../b", "a/b", "b/"}) {
    EXPECT_THAT(Read(Payload(3, name)),
                StatusIs(StatusCode::kDataLoss, HasSubstr("not the name of a file")))
        << name;
  }
  // What stands behind a NUL is no part of the name, and can not smuggle one in.
  EXPECT_THAT(Read(Payload(3, std::string("\0evil", 5))), StatusIs(StatusCode::kDataLoss));
  ALKAID_ASSERT_OK_AND_ASSIGN(const ChunkInfo info, Read(Payload(3, std::string("b\0/../c", 7))));
  EXPECT_EQ(info.filename, "b");
}

TEST(ChunkInfo, RefusesMalformedFieldsNamingTheByte) {
  EXPECT_THAT(Read(Payload(3, "b"), TransitionId::kEnable, Declaration(kUInt64)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("run.xtc2: byte ")));
  EXPECT_THAT(Read(Payload(3, "b"), TransitionId::kEnable, Declaration(kUInt32, "file")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("\"filename\"")));
  EXPECT_THAT(Read(crafted::ShapesData(kSrc, crafted::Shape({99}), crafted::Bytes(3) + "b")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("needs 99 bytes")));
  EXPECT_THAT(Read("slack"), StatusIs(StatusCode::kDataLoss));
}

TEST(ChunkInfo, NumbersFilesByTheirNames) {
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-r0001-s000-c012.xtc2"), 12);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("x-c007/a-r0001-s000-c001.smd.xtc2"), 1);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("x-c007/a.xtc2"), 0);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-c003-calib.xtc2"), 3);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-c003-c4"), 4);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("-c5"), 5);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("-c"), 0);
  EXPECT_EQ(ChunkInfo::ChunkIdOf(""), 0);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-c99999999999999999999999.xtc2"), 0xffffffff);
}

}  // namespace
}  // namespace alkaid::events
