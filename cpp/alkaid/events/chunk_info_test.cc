#include "alkaid/events/chunk_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/verify.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::events {
namespace {

namespace fixtures = dgram::fixtures;
using dgram::TransitionId;
using ::testing::HasSubstr;

constexpr uint32_t kSrc = 0x1fe;
constexpr uint32_t kUInt32 = 2, kUInt64 = 3, kCharStr = 10;

std::string Declaration(uint32_t id_type = kUInt32, const char* filename_field = "filename") {
  return fixtures::Names(kSrc, "chunkinfo", 0, "chunkinfo",
                         {{"chunkid", id_type, 0}, {filename_field, kCharStr, 1}});
}
std::string Payload(uint32_t id, const std::string& filename) {
  return fixtures::ShapesData(kSrc, fixtures::Shape({static_cast<uint32_t>(filename.size())}),
                              fixtures::Bytes(id) + filename);
}

// A datagram with `payload` under `declaration`.
Result<dgram::Dgram> Announcement(const std::string& payload, TransitionId service,
                                  const std::string& declaration) {
  ALKAID_ASSIGN_OR_RAISE(const dgram::Dgram configure,
                         dgram::Dgram::Make(fixtures::AsBuffer(
                             fixtures::Dgram(TransitionId::kConfigure, declaration))));
  return dgram::Dgram::Make(fixtures::AsBuffer(fixtures::Dgram(service, payload)), 0,
                            configure.configuration(), "run.xtc2", 7);
}
// Reads what it announces.
Result<ChunkInfo> Read(const std::string& payload, TransitionId service = TransitionId::kEnable,
                       const std::string& declaration = Declaration()) {
  ALKAID_ASSIGN_OR_RAISE(const dgram::Dgram dgram, Announcement(payload, service, declaration));
  return ChunkInfo::Read(dgram);
}
Result<std::optional<ChunkInfo>> Next(TransitionId service, uint32_t id,
                                      const std::string& filename, const std::string& path,
                                      uint32_t current) {
  ALKAID_ASSIGN_OR_RAISE(const dgram::Dgram dgram,
                         Announcement(Payload(id, filename), service, Declaration()));
  return ChunkInfo::Next(dgram, path, current);
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
  EXPECT_THAT(Read(Payload(3, "b"), TransitionId::kDisable),
              StatusIs(StatusCode::kNotFound, HasSubstr("Disable")));
  // In a run that declares no announcements no SlowUpdate is parsed.
  EXPECT_THAT(
      Read("slack", TransitionId::kSlowUpdate, fixtures::Names(kSrc, "other", 0, "chunkinfo", {})),
      StatusIs(StatusCode::kNotFound, HasSubstr("SlowUpdate): no chunkinfo")));
}

TEST(ChunkInfo, TellsTheNextFileThatASlowUpdateAnnounces) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const ChunkInfo info,
                              Read(Payload(3, "b-c003"), TransitionId::kSlowUpdate));
  EXPECT_EQ(info.chunk_id, 3);
  EXPECT_EQ(info.filename, "b-c003");
  EXPECT_THAT(Read(Payload(3, "../b"), TransitionId::kSlowUpdate),
              StatusIs(StatusCode::kDataLoss, HasSubstr("not the name of a file")));
}

TEST(ChunkInfo, IsNextWhereItsNumberIsLarger) {
  for (const TransitionId service : {TransitionId::kEnable, TransitionId::kSlowUpdate}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto next, Next(service, 3, "b.xtc2", "run/a.xtc2", 2));
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->filename, "b.xtc2");
    EXPECT_EQ(next->chunk_id, 3);
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto none, Next(TransitionId::kDisable, 3, "b", "a", 2));
  EXPECT_FALSE(none.has_value());
}

TEST(ChunkInfo, MayNameTheFileThatIsReadOnceMoreAndNoOther) {
  for (const char* path : {"run/b.xtc2", "b.xtc2", "run/b.xtc2.inprogress"}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto next, Next(TransitionId::kEnable, 3, "b.xtc2", path, 3));
    EXPECT_FALSE(next.has_value()) << path;
  }
  EXPECT_THAT(Next(TransitionId::kEnable, 3, "c.xtc2", "run/b.xtc2", 3),
              StatusIs(StatusCode::kDataLoss,
                       HasSubstr("run.xtc2: byte 0 (datagram 7 at byte 0): Enable announces chunk "
                                 "3 in c.xtc2, which readers do not reach: b.xtc2 is chunk 3")));
  EXPECT_THAT(Next(TransitionId::kSlowUpdate, 2, "b.xtc2", "run/b.xtc2", 3),
              StatusIs(StatusCode::kDataLoss, HasSubstr("SlowUpdate announces chunk 2")));
}

// A Verifier of one source knows the earlier announcements, and refuses only such chunks.
TEST(ChunkInfo, ThatNoReaderComesToIsAFaultToAVerifierToo) {
  using Announcements = std::vector<std::pair<uint32_t, std::string>>;
  const auto faults_of = [](const Announcements& announcements) {
    std::string source = fixtures::Dgram(TransitionId::kConfigure, Declaration());
    for (const auto& [id, filename] : announcements) {
      source += fixtures::Dgram(TransitionId::kEnable, Payload(id, filename));
    }
    std::vector<std::string> faults;
    dgram::Verifier verifier("s.xtc2", [&](const dgram::Finding& finding) {
      if (finding.kind == dgram::Finding::Kind::kFault) faults.push_back(finding.text);
    });
    const auto reader = dgram::BatchReader::Open(fixtures::AsBuffer(source), dgram::ForVerifying());
    ALKAID_EXPECT_OK(verifier.CheckAll(**reader));
    return faults;
  };
  EXPECT_THAT(faults_of({{0, "a"}}), ::testing::IsEmpty());
  EXPECT_THAT(faults_of({{1, "b"}, {2, "c"}, {9, "d"}}), ::testing::IsEmpty());
  EXPECT_THAT(faults_of({{1, "b"}, {1, "b"}, {1, "b.inprogress"}}), ::testing::IsEmpty());
  EXPECT_THAT(faults_of({{2, "c"}, {1, "b"}, {3, "d"}}),
              ::testing::ElementsAre("Enable announces chunk 1 in b, which readers do not reach: "
                                     "before it is chunk 2 in c"));
  EXPECT_THAT(faults_of({{2, "c"}, {2, "d"}}), ::testing::ElementsAre(HasSubstr("chunk 2 in d")));
}

TEST(ChunkInfo, RefusesNamesThatLeaveTheFolder) {
  for (const std::string name : {"", ".", "..", "/etc/passwd", "../b", "a/b", "b/"}) {
    EXPECT_THAT(Read(Payload(3, name)),
                StatusIs(StatusCode::kDataLoss, HasSubstr("not the name of a file")))
        << name;
  }
  // What follows a NUL is not part of the name, and cannot smuggle one in.
  EXPECT_THAT(Read(Payload(3, std::string("\0evil", 5))), StatusIs(StatusCode::kDataLoss));
  ALKAID_ASSERT_OK_AND_ASSIGN(const ChunkInfo info, Read(Payload(3, std::string("b\0/../c", 7))));
  EXPECT_EQ(info.filename, "b");
}

TEST(ChunkInfo, RefusesMalformedFieldsNamingTheByte) {
  EXPECT_THAT(Read(Payload(3, "b"), TransitionId::kEnable, Declaration(kUInt64)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("run.xtc2: byte ")));
  EXPECT_THAT(Read(Payload(3, "b"), TransitionId::kEnable, Declaration(kUInt32, "file")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("\"filename\"")));
  EXPECT_THAT(Read(fixtures::ShapesData(kSrc, fixtures::Shape({99}), fixtures::Bytes(3) + "b")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("needs 99 bytes")));
  EXPECT_THAT(Read("slack"), StatusIs(StatusCode::kDataLoss));
}

TEST(ChunkInfo, NumbersFilesThatAreCalledAsTheFacilityCallsThem) {
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-r0001-s000-c012.xtc2"), 12);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-r0001-s000-c1012.xtc2"), 1012);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-r0001-s000-c012.xtc2.inprogress"), 12);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("x-c007/a-r0001-s000-c001.smd.xtc2"), 1);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("-c005.xtc2"), 5);
  EXPECT_EQ(ChunkInfo::ChunkIdOf("a-c99999999999999999999999.xtc2"), 0xffffffff);
}

TEST(ChunkInfo, TakesNoOtherNumberInANameForThatOfAChunk) {
  for (const char* name :
       {"x-c007.xtc2/a.xtc2", "a-c003-calib.xtc2", "a-c003-c4", "scan-c5.xtc2", "a-c12.xtc2",
        "a-c003", "a-c003.xtc2.bak", "a-c003.xtc2.inprogress.old", "a-c.xtc2", "ac003.xtc2",
        "a_c003.xtc2", "a-C003.xtc2", "003.xtc2", "-c", ".xtc2", ".inprogress", ""}) {
    EXPECT_EQ(ChunkInfo::ChunkIdOf(name), 0) << name;
  }
}

}  // namespace
}  // namespace alkaid::events
