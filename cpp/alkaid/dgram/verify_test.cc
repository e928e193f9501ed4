#include "alkaid/dgram/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/counted_file.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using fixtures::Bytes;
using fixtures::Configure;
using fixtures::Event;
using fixtures::EventPayload;
using fixtures::kSrc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Verified {
  std::vector<std::string> faults;
  std::vector<std::string> remarks;
  std::vector<Finding> all;
  VerifyTotals totals;
};

Verified Verify(const std::string& bytes,
                std::shared_ptr<const Configuration> configuration = nullptr) {
  Verified verified;
  Verifier verifier(
      "run.xtc2",
      [&](const Finding& finding) {
        const bool fault = finding.kind == Finding::Kind::kFault;
        (fault ? verified.faults : verified.remarks)
            .push_back(absl::StrCat(finding.byte, " ", finding.text));
        verified.all.push_back(finding);
      },
      std::move(configuration));
  const auto reader = BatchReader::Open(fixtures::AsBuffer(bytes), ForVerifying());
  EXPECT_TRUE(reader.ok()) << reader.status();
  ALKAID_EXPECT_OK(verifier.CheckAll(**reader));
  verified.totals = verifier.totals();
  EXPECT_EQ(verified.totals.faults, static_cast<int64_t>(verified.faults.size()));
  EXPECT_EQ(verified.totals.remarks, static_cast<int64_t>(verified.remarks.size()));
  return verified;
}

// The findings for a datagram that follows a sound Configure.
Verified VerifyPayload(const std::string& payload, uint16_t damage = 0) {
  return Verify(Configure() + fixtures::Dgram(TransitionId::kL1Accept, payload, 1, damage));
}
Verified VerifyConfigure(const std::string& payload) {
  return Verify(fixtures::Dgram(TransitionId::kConfigure, payload));
}
std::string At(int64_t byte_of_dgram, const std::string& text) {
  return absl::StrCat(static_cast<int64_t>(Configure().size()) + byte_of_dgram, " ", text);
}

TEST(Verifier, FindsNothingInASoundRun) {
  const Verified verified = Verify(fixtures::Run(3));
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_THAT(verified.remarks, ElementsAre(HasSubstr("time goes backwards, from 1 s 2 ns")));
  EXPECT_EQ(verified.totals.dgrams, 6);
  EXPECT_EQ(verified.totals.bytes, static_cast<int64_t>(fixtures::Run(3).size()));
  EXPECT_EQ(verified.totals.bytes_not_reached, 0);
}

TEST(Verifier, SaysWhereAFindingStands) {
  const Verified verified =
      Verify(fixtures::Run(0) + Event(3) + fixtures::Dgram(TransitionId::kL1Accept, "slack", 4));
  ASSERT_EQ(verified.all.size(), 1);
  const int64_t dgram_at = static_cast<int64_t>((fixtures::Run(0) + Event(3)).size());
  EXPECT_EQ(
      verified.all[0].ToString(),
      absl::StrCat("run.xtc2: byte ", dgram_at + 24, " (datagram 4 at byte ", dgram_at,
                   "): fault: 5 bytes are left over in the enclosing Parent, a header has 12"));
}

TEST(Verifier, GoesOnBehindAFaultToTheNext) {
  std::string run = Configure();
  run += fixtures::Dgram(TransitionId::kL1Accept,
                         fixtures::ShapesData(0x999, "", "") +     // not declared
                             fixtures::ShapesData(kSrc, "", "") +  // without its Shapes
                             EventPayload(1) +                     // sound
                             fixtures::Xtc(fixtures::kShapesData, fixtures::Xtc(2, ""), kSrc),
                         1);
  run += fixtures::Dgram(TransitionId::kL1Accept, "slack", 2);
  run += Event(3);
  run += "partial";
  const Verified verified = Verify(run);
  EXPECT_THAT(verified.faults,
              ElementsAre(HasSubstr("NamesId 0x000999, which the Configure does not declare"),
                          HasSubstr("has 0 bytes of Shapes for 2 arrays, which take 40"),
                          HasSubstr("without Data"), HasSubstr("has 0 bytes of Shapes"),
                          HasSubstr("5 bytes are left over"),
                          HasSubstr("partial datagram: 7 bytes are left")));
  EXPECT_EQ(verified.totals.dgrams, 4);
  EXPECT_EQ(verified.totals.bytes_not_reached, 7);
}

TEST(Verifier, SaysHowMuchABrokenHeaderHides) {
  std::string run = Configure() + Event(1) + Event(2);
  const size_t second = Configure().size() + Event(1).size();
  run[second + 20] = 11;
  run[second + 21] = run[second + 22] = run[second + 23] = 0;
  const Verified verified = Verify(run);
  EXPECT_THAT(verified.faults,
              ElementsAre(StartsWith(absl::StrCat(second, " datagram of extent 11"))));
  EXPECT_THAT(verified.faults[0],
              HasSubstr(absl::StrCat(Event(2).size(), " bytes from here on are not checked")));
  EXPECT_EQ(verified.totals.bytes_not_reached, static_cast<int64_t>(Event(2).size()));
}

TEST(Verifier, WantsAConfigureFirst) {
  EXPECT_THAT(Verify(Event(1) + Event(2)).faults,
              ElementsAre(StartsWith("0 the first datagram is L1Accept, not Configure"),
                          StartsWith("24 ShapesData of NamesId 0x000105 before any Configure")));
  EXPECT_THAT(Verify("").faults, ElementsAre(StartsWith("0 there is no datagram")));
  const auto configure = *Dgram::Make(fixtures::AsBuffer(Configure()));
  EXPECT_THAT(Verify(Event(1) + Event(2), configure.configuration()).all, IsEmpty());
}

TEST(Verifier, ReplacesTheDeclarationsAtALaterConfigure) {
  const std::string none = fixtures::Dgram(TransitionId::kConfigure, "", 5);
  EXPECT_THAT(Verify(Configure() + Event(1) + none +
                     fixtures::Dgram(TransitionId::kL1Accept, EventPayload(1), 6))
                  .faults,
              ElementsAre(HasSubstr("does not declare")));
}

TEST(Verifier, RemarksServicesThatMeanNothing) {
  for (const int service : {13, 14, 15}) {
    EXPECT_THAT(
        Verify(Configure() + fixtures::Dgram(static_cast<TransitionId>(service), "", 1)).remarks,
        ElementsAre(At(8, absl::StrCat("service ", service, ", the format knows 0 to 12"))));
  }
}

TEST(Verifier, JudgesEachDeclarationOnItsOwn) {
  const Verified verified = VerifyConfigure(fixtures::Xtc(fixtures::kNames, "short", 1) +
                                            fixtures::Names(2, "a", 0, "raw", {{"x", 13, 0}}) +
                                            fixtures::Names(3, "b", 0, "raw", {{"x", 1, 6}}) +
                                            fixtures::Names(4, "c", 0, "raw", {{"x", 10, 0}}) +
                                            fixtures::Names(5, "d", 0, "raw", {{"x", 1, 0}}));
  EXPECT_THAT(verified.faults,
              ElementsAre(StartsWith("24 Names of extent 17"), HasSubstr("has type 13"),
                          HasSubstr("has rank 6"), HasSubstr("(CHARSTR) of rank 0")));
}

TEST(Verifier, SaysOnceThatDataOfAMalformedDeclarationAreNotChecked) {
  const std::string configure = fixtures::Dgram(
      TransitionId::kConfigure, fixtures::Names(kSrc, "a", 0, "raw", {{"x", 13, 0}}));
  const Verified verified = Verify(configure + Event(1) + Event(2));
  EXPECT_THAT(verified.faults, ElementsAre(HasSubstr("has type 13")));
  EXPECT_THAT(verified.remarks, ElementsAre(HasSubstr("declaration is malformed")));
}

TEST(Verifier, FindsFieldsThatPassTheirData) {
  EXPECT_THAT(
      VerifyPayload(fixtures::ShapesData(kSrc, fixtures::Shape({8}) + fixtures::Shape({2, 3}), "1"))
          .faults,
      ElementsAre(At(24 + 12 + 52 + 12,
                     "field \"count\" of det/0/raw, UINT16 scalar, needs 2 bytes, its "
                     "Data has 1 left")));
  EXPECT_THAT(
      VerifyPayload(fixtures::ShapesData(kSrc, fixtures::Shape({8}) + fixtures::Shape({2, 300}),
                                         "1212345678"))
          .faults,
      ElementsAre(HasSubstr("UINT32 2x300, needs 2400 bytes, its Data has 0 left")));
}

TEST(Verifier, CountsShapesInMoreThanThirtyTwoBits) {
  const auto with_shape = [](std::vector<uint32_t> shape) {
    const std::string names =
        fixtures::Names(kSrc, "a", 0, "raw", {{"x", 3, static_cast<uint32_t>(shape.size())}});
    return Verify(fixtures::Dgram(
        TransitionId::kConfigure,
        names + fixtures::ShapesData(kSrc, fixtures::Shape(shape), std::string(64, 'x'))));
  };
  EXPECT_THAT(with_shape({0x10000, 0x10000}).faults, ElementsAre(HasSubstr("34359738368 bytes")));
  EXPECT_THAT(with_shape({0xffffffff, 0xffffffff, 0xffffffff}).faults,
              ElementsAre(HasSubstr("more bytes than 64 bits can count")));
}

TEST(Verifier, FindsBrokenExtentsInsideAShapesDataAndKeepsWhatIsBehind) {
  const std::string broken =
      fixtures::Xtc(fixtures::kShapesData, fixtures::Xtc(fixtures::kShapes, "", 0, 0, 13), kSrc);
  const std::string doubled =
      fixtures::Xtc(fixtures::kShapesData,
                    fixtures::Xtc(fixtures::kShapes, "") +
                        fixtures::Xtc(fixtures::kShapes, std::string(40, '\0')) +
                        fixtures::Xtc(fixtures::kData, ""),
                    kSrc);
  EXPECT_THAT(
      VerifyPayload(broken + doubled + fixtures::ShapesData(9, "", "")).faults,
      ElementsAre(HasSubstr("extent 13, the least is 12 and the enclosing ShapesData has 12"),
                  HasSubstr("has 0 bytes of Shapes"), HasSubstr("second Shapes"),
                  HasSubstr("NamesId 0x000009")));
}

TEST(Verifier, LooksIntoNestedParentsUpToTheLimit) {
  const auto nested = [](int levels) {
    std::string payload = fixtures::ShapesData(9, "", "");
    for (int i = 0; i < levels; ++i) payload = fixtures::Xtc(fixtures::kParent, payload);
    return payload;
  };
  EXPECT_THAT(VerifyPayload(nested(64)).faults, ElementsAre(HasSubstr("NamesId 0x000009")));
  EXPECT_THAT(
      VerifyPayload(nested(65) + nested(1)).faults,
      ElementsAre(HasSubstr("nest deeper than the limit of 64"), HasSubstr("NamesId 0x000009")));
}

// What readers accept as records: words of the first declaration that has both, in segment 0.
std::string SmdNames(uint32_t src = 7, uint32_t segment = 0, uint32_t type = 3) {
  return fixtures::Names(src, "smdinfo", segment, "offsetAlg",
                         {{"intOffset", type, 0}, {"intDgramSize", type, 0}});
}
std::string RecordData(uint64_t offset, uint64_t size, uint32_t src = 7) {
  return fixtures::ShapesData(src, "", Bytes(offset) + Bytes(size));
}
Verified VerifySmallData(const std::string& names, const std::string& payload,
                         TransitionId service = TransitionId::kL1Accept, uint16_t damage = 0) {
  return Verify(fixtures::Dgram(TransitionId::kConfigure, names) +
                fixtures::Dgram(service, payload, 1, damage));
}

TEST(Verifier, FindsSmallDataRecordsThatCanNotBeTrue) {
  const auto record = [](uint64_t offset, uint64_t size) {
    return VerifySmallData(SmdNames(), RecordData(offset, size));
  };
  EXPECT_THAT(record(100, 24).all, IsEmpty());
  EXPECT_THAT(record(100, 23).faults, ElementsAre(HasSubstr("record of 23 bytes at byte 100")));
  EXPECT_THAT(record(UINT64_MAX, 24).faults, ElementsAre(HasSubstr("record of 24 bytes")));
  EXPECT_THAT(record(24, UINT64_MAX).faults, ElementsAre(HasSubstr("at byte 24")));
}

TEST(Verifier, TakesForRecordsWhatReadersDo) {
  const std::string bad = RecordData(0, 1);
  // The first data of a datagram count, of the first declaration that readers understand.
  EXPECT_THAT(VerifySmallData(SmdNames(), RecordData(0, 24) + bad).faults, IsEmpty());
  EXPECT_THAT(VerifySmallData(SmdNames(), bad + RecordData(0, 24)).faults.size(), 1U);
  EXPECT_THAT(VerifySmallData(SmdNames(7, 1), bad).faults, IsEmpty());
  EXPECT_THAT(VerifySmallData(SmdNames(7, 0, 4), bad).faults, IsEmpty());
  const std::string second = SmdNames(7, 0, 4) + SmdNames(8);
  EXPECT_THAT(VerifySmallData(second, bad + RecordData(0, 24, 8)).faults, IsEmpty());
  EXPECT_THAT(VerifySmallData(second, RecordData(0, 1, 8)).faults.size(), 1U);
  EXPECT_THAT(VerifySmallData(SmdNames() + SmdNames(8), bad).faults.size(), 1U);
  EXPECT_THAT(VerifySmallData(SmdNames(), bad, TransitionId::kSlowUpdate).faults, IsEmpty());
}

TEST(Verifier, FindsL1AcceptsOfSmallDataWithoutARecord) {
  const auto is_missed = ElementsAre(HasSubstr("L1Accept without a small-data record"));
  EXPECT_THAT(VerifySmallData(SmdNames(), "").faults, is_missed);
  EXPECT_THAT(VerifySmallData(SmdNames(), RecordData(0, 24), TransitionId::kL1Accept, 8).faults,
              is_missed);
  EXPECT_THAT(VerifySmallData(SmdNames(), "", TransitionId::kL1AcceptEndOfBatch).faults, IsEmpty());
  EXPECT_THAT(VerifySmallData(SmdNames(), "", TransitionId::kEnable).faults, IsEmpty());
  EXPECT_THAT(VerifySmallData(SmdNames(), "slack").faults, ElementsAre(HasSubstr("left over")));
}

TEST(Verifier, FindsAnnouncedChunksThatAreNoFilesInTheSameFolder) {
  const auto announced = [](const std::string& name, uint32_t id_type = 2,
                            TransitionId service = TransitionId::kEnable) {
    return VerifySmallData(
        fixtures::Names(7, "chunkinfo", 0, "chunkinfo",
                        {{"chunkid", id_type, 0}, {"filename", 10, 1}}),
        fixtures::ShapesData(7, fixtures::Shape({static_cast<uint32_t>(name.size())}),
                             Bytes(uint32_t{3}) + name),
        service);
  };
  EXPECT_THAT(announced(std::string("a-c003.xtc2\0", 12)).all, IsEmpty());
  for (const char* name : {"", ".", "..", "/etc/passwd", "../b"}) {
    EXPECT_THAT(announced(name).faults, ElementsAre(HasSubstr("chunk 3 is said to lie in")))
        << name;
  }
  EXPECT_THAT(announced("a", 6).faults, ElementsAre(HasSubstr("announced chunk without a number")));
  EXPECT_THAT(announced("..", 2, TransitionId::kSlowUpdate).faults,
              ElementsAre(HasSubstr("chunk 3 is said to lie in")));
  EXPECT_THAT(announced("..", 2, TransitionId::kBeginStep).faults, IsEmpty());
}

TEST(Verifier, RemarksDamageAndWhatItHides) {
  EXPECT_THAT(VerifyPayload(EventPayload(1), 0x1001).remarks,
              ElementsAre(At(16, "the datagram is damaged: Truncated|user:0x1")));
  EXPECT_THAT(VerifyPayload("nothing that readers see", 8).remarks,
              ElementsAre(HasSubstr("Corrupted"), HasSubstr("24 bytes not checked")));
  EXPECT_THAT(VerifyPayload("nothing that readers see", 8).faults, IsEmpty());
  EXPECT_THAT(
      VerifyPayload(fixtures::ShapesData(kSrc, fixtures::Shape({8}) + fixtures::Shape({2, 3}),
                                         std::string(42, '\0'), 2))
          .remarks,
      ElementsAre(At(24, "a ShapesData is damaged: OutOfOrder")));
  EXPECT_THAT(VerifyPayload(fixtures::Xtc(fixtures::kParent, "hidden", 0, 8)).remarks,
              ElementsAre(HasSubstr("a Parent is damaged"), HasSubstr("18 bytes not checked")));
}

TEST(Verifier, RemarksOddDeclarations) {
  std::string names = fixtures::Names(
      1, "a", 0, "raw",
      {{"x", 1, 0}, {"x", 2, 0}, {"x", 3, 0}, {"value", 11, 0}, {"label:colours", 12, 0}});
  names[12] = 7;
  names.replace(272, 256, std::string(256, 'd'));
  names.replace(1048 + 3 * 524 + 260, 256, std::string(256, 'v'));
  const Verified verified = VerifyConfigure(names);
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_THAT(
      verified.remarks,
      ElementsAre(HasSubstr("are called \"x\""), HasSubstr("counts 7 arrays and declares 0"),
                  HasSubstr("text without a NUL in Names"), HasSubstr("it has no ':'"),
                  HasSubstr("text without a NUL in field 3")));
}

TEST(Verifier, RemarksANamesIdThatIsDeclaredTwice) {
  const Verified verified = VerifyConfigure(fixtures::Names(5, "d", 0, "raw", {{"x", 1, 0}}) +
                                            fixtures::Names(5, "e", 0, "raw", {{"x", 1, 0}}));
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_THAT(verified.remarks,
              ElementsAre(HasSubstr("NamesId 0x000005 is declared twice in one Configure")));
}

TEST(Verifier, RemarksWhatReadersSkip) {
  const std::string names = fixtures::Names(1, "a", 0, "raw", {{"x", 1, 0}});
  const Verified verified = VerifyPayload(
      fixtures::Xtc(77, "unknown") + fixtures::Xtc(fixtures::kData, "alone") + names +
      fixtures::Xtc(fixtures::kShapesData,
                    fixtures::Xtc(9, "child") +
                        fixtures::Xtc(fixtures::kShapes,
                                      fixtures::Shape({0}) + fixtures::Shape({0, 0}) + "12345") +
                        fixtures::Xtc(fixtures::kData, std::string(13, 'x')),
                    kSrc));
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_THAT(verified.remarks,
              ElementsAre(HasSubstr("type 77 and 19 bytes"), HasSubstr("type 3"),
                          HasSubstr("Names in a datagram that is L1Accept"), HasSubstr("type 9"),
                          HasSubstr("5 bytes after the last Shape"),
                          HasSubstr("3 bytes after the last field")));
  std::string root = Configure();
  root[18] = 3;
  EXPECT_THAT(Verify(root).remarks, ElementsAre(HasSubstr("the root is of type 3")));
}

TEST(Verifier, AcceptsTheWordThatSomeWritersLeaveBehindTheLastShape) {
  EXPECT_THAT(VerifyPayload(fixtures::ShapesData(
                                kSrc, fixtures::Shape({8}) + fixtures::Shape({2, 3}) + "junk",
                                std::string(42, '\0')))
                  .all,
              IsEmpty());
}

TEST(Verifier, RemarksDataOfOneNamesIdTwiceInADatagram) {
  const Verified verified = VerifyPayload(EventPayload(1) + EventPayload(2));
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_THAT(verified.remarks,
              ElementsAre(At(static_cast<int64_t>(24 + EventPayload(1).size()),
                             "second ShapesData of NamesId 0x000105 in one datagram")));
  EXPECT_THAT(Verify(Configure() + Event(1) + Event(2)).all, IsEmpty());
}

TEST(Verifier, RemarksTimesOfNoSecond) {
  const auto at = [](uint32_t nanoseconds) {
    return Verify(Configure() + fixtures::Dgram(TransitionId::kL1Accept, "", nanoseconds));
  };
  EXPECT_THAT(at(999'999'999).all, IsEmpty());
  EXPECT_THAT(at(1'000'000'000).remarks,
              ElementsAre(At(0, "time of 1 s 1000000000 ns, a second has 1000000000")));
  EXPECT_THAT(at(1'000'000'000).faults, IsEmpty());
}

TEST(Verifier, RemarksTextOfAFieldWithoutANul) {
  const auto with_text = [](const std::string& text) {
    const std::string shapes =
        fixtures::Shape({static_cast<uint32_t>(text.size())}) + fixtures::Shape({0, 0});
    return VerifyPayload(fixtures::ShapesData(kSrc, shapes, "12" + text + "12345678"));
  };
  EXPECT_THAT(with_text("").all, IsEmpty());
  EXPECT_THAT(with_text(std::string("abc\0", 4)).all, IsEmpty());
  EXPECT_THAT(with_text("abcd").faults, IsEmpty());
  EXPECT_THAT(with_text("abcd").remarks,
              ElementsAre(HasSubstr("text without a NUL in field \"text\" of det/0/raw")));
}

// The declarations are there, but no reader looks at them.
TEST(Verifier, FindsOnceDataUnderAConfigureThatIsMarkedCorrupted) {
  std::string configure = Configure();
  configure[16] = 8;
  const Verified verified = Verify(configure + Event(1) + Event(2));
  EXPECT_THAT(verified.faults, ElementsAre(HasSubstr("under a Configure marked Corrupted")));
  EXPECT_THAT(verified.remarks, ElementsAre(HasSubstr("the datagram is damaged: Corrupted"),
                                            HasSubstr("bytes not checked")));
  // A sound Configure ends that state.
  EXPECT_THAT(Verify(configure + Configure() +
                     fixtures::Dgram(TransitionId::kL1Accept, fixtures::ShapesData(9, "", "")))
                  .faults,
              ElementsAre(HasSubstr("does not declare")));
}

TEST(Verifier, TellsOddXtcsInAShapesDataUpToAHundredAndCountsTheRest) {
  const auto with_odd = [](int count) {
    std::string children;
    for (int i = 0; i < count; ++i) children += fixtures::Xtc(9, "");
    return VerifyPayload(fixtures::Xtc(
        fixtures::kShapesData,
        children +
            fixtures::Xtc(fixtures::kShapes, fixtures::Shape({0}) + fixtures::Shape({0, 0})) +
            fixtures::Xtc(fixtures::kData, std::string(10, '\0')),
        kSrc));
  };
  EXPECT_EQ(with_odd(100).remarks.size(), 100U);
  EXPECT_EQ(with_odd(1000).remarks.size(), 101U);
  EXPECT_EQ(with_odd(1000).remarks.back(),
            At(24 + 12 + 12 * 100, "900 more such Xtcs in one ShapesData"));
}

TEST(Verifier, CountsAFaultAmongOddXtcsThatAreNotTold) {
  std::string children =
      fixtures::Xtc(fixtures::kShapes, fixtures::Shape({0}) + fixtures::Shape({0, 0})) +
      fixtures::Xtc(fixtures::kData, std::string(10, '\0'));
  for (int i = 0; i < 100; ++i) children += fixtures::Xtc(9, "");
  EXPECT_THAT(VerifyPayload(fixtures::Xtc(fixtures::kShapesData, children, kSrc)).faults,
              IsEmpty());
  children += fixtures::Xtc(fixtures::kData, "");
  EXPECT_THAT(VerifyPayload(fixtures::Xtc(fixtures::kShapesData, children, kSrc)).faults,
              ElementsAre(HasSubstr("1 more such Xtcs in one ShapesData")));
}

// A datagram of 12-byte Xtcs gives one finding for each.
TEST(Verifier, HoldsNoMoreFindingsTheLargerADatagramIs) {
  constexpr int kXtcs = 50'000;
  std::string payload;
  for (int i = 0; i < kXtcs; ++i) payload += fixtures::Xtc(77, "");
  const std::shared_ptr<Buffer> buffer =
      fixtures::AsBuffer(fixtures::Dgram(TransitionId::kConfigure, payload));
  const Dgram dgram = Dgram::Make(buffer).value();
  const size_t before = ::mallinfo2().uordblks;
  size_t most = 0;
  Verifier verifier("run.xtc2",
                    [&](const Finding&) { most = std::max(most, ::mallinfo2().uordblks); });
  verifier.Check(dgram);
  EXPECT_EQ(verifier.totals().remarks, kXtcs);
  EXPECT_LT(most, before + 65536);
}

TEST(Verifier, PassesOnWhatIsNotTheDatasFault) {
  const auto file = std::make_shared<CountedFile>(fixtures::Run(2));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(file, ForVerifying()));
  Verifier verifier("file", [](const Finding&) {});
  file->FailOnce();
  EXPECT_THAT(verifier.CheckAll(*reader), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(verifier.totals().faults, 0);
  ALKAID_EXPECT_OK(verifier.CheckAll(*reader));
  EXPECT_EQ(verifier.totals().dgrams, 5);
}

}  // namespace
}  // namespace alkaid::dgram
