#include "alkaid/events/smd_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::events {
namespace {

namespace fixtures = dgram::fixtures;
using dgram::BatchReader;
using dgram::BatchReaderOptions;
using dgram::DgramBatch;
using dgram::TransitionId;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kDeclarationBytes = 12 + 1036 + 2 * 524;

std::string Text(const std::shared_ptr<Buffer>& buffer) {
  return std::string(reinterpret_cast<const char*>(buffer->data()),
                     static_cast<size_t>(buffer->size()));
}

Status AppendAll(BatchReader& reader, SmdWriter* writer) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader.Next());
    if (batch.empty()) return absl::OkStatus();
    for (const dgram::Dgram& dgram : batch) ALKAID_RETURN_NOT_OK(writer->Append(dgram));
  }
}

Result<std::string> SmdOf(const std::string& big_data, SmdWriterOptions options = {}) {
  SmdWriter writer(options);
  BatchReaderOptions reading;
  reading.name = "run.xtc2";
  ALKAID_ASSIGN_OR_RAISE(const auto reader,
                         BatchReader::Open(fixtures::AsBuffer(big_data), std::move(reading)));
  ALKAID_RETURN_NOT_OK(AppendAll(*reader, &writer));
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> made, writer.Finish());
  return Text(made);
}

// The datagrams of small data, under Configurations that the caller keeps.
std::vector<dgram::Dgram> DgramsOf(const std::string& bytes) {
  std::vector<dgram::Dgram> dgrams;
  const auto reader = *BatchReader::Open(fixtures::AsBuffer(bytes));
  while (true) {
    const auto batch = reader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->empty()) return dgrams;
    for (const dgram::Dgram& dgram : *batch) dgrams.push_back(dgram);
  }
}

TEST(SmdWriter, PutsARecordInThePlaceOfEachL1Accept) {
  const std::string big_data = fixtures::Run(3);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(big_data));
  const std::vector<dgram::Dgram> made = DgramsOf(smd);
  const std::vector<dgram::Dgram> read = DgramsOf(big_data);
  ASSERT_EQ(made.size(), read.size());
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdInfo info, SmdInfo::Find(made[0].configuration()));
  EXPECT_EQ(info.id(), dgram::NamesId(512, 0));
  for (size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ(made[i].timestamp(), read[i].timestamp());
    EXPECT_EQ(made[i].header().env, read[i].header().env);
    if (!made[i].is_l1_accept()) continue;
    EXPECT_EQ(made[i].size(), SmdInfo::kDgramBytes);
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdRecord record, info.Read(made[i]));
    EXPECT_EQ(record.offset, read[i].offset());
    EXPECT_EQ(record.size, read[i].size());
  }
}

TEST(SmdWriter, AddsItsDeclarationToACopyOfTheConfigure) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Configure()));
  const std::string configure = fixtures::Configure();
  ASSERT_EQ(smd.size(), configure.size() + kDeclarationBytes);
  EXPECT_EQ(smd.substr(0, 20), configure.substr(0, 20));
  EXPECT_EQ(smd.substr(24, configure.size() - 24), configure.substr(24));
  const auto configuration = DgramsOf(smd)[0].configuration();
  ASSERT_EQ(configuration->names().size(), 2);
  const dgram::Names& names = configuration->names()[1];
  EXPECT_EQ(names.ToString(), "smdinfo/0/offsetAlg");
  EXPECT_EQ(names.detector_type(), "offset");
  EXPECT_EQ(names.detector_id(), "");
  EXPECT_EQ(names.algorithm().version, 0);
  ASSERT_EQ(names.fields().size(), 2);
  EXPECT_EQ(names.fields()[0].name, "intOffset");
  EXPECT_EQ(names.fields()[1].name, "intDgramSize");
}

TEST(SmdWriter, LeavesUnusedBytesZeroSoThatEqualInputGivesEqualBytes) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Configure()));
  const std::string declaration = smd.substr(smd.size() - kDeclarationBytes);
  const std::string detector = declaration.substr(272, 256);
  EXPECT_EQ(detector, std::string("smdinfo") + std::string(249, '\0'));
  EXPECT_EQ(*SmdOf(fixtures::Configure()), smd);
}

TEST(SmdWriter, KeepsOfAnEndRunItsHeaderAndItsDamage) {
  const std::string end_run =
      fixtures::Dgram(TransitionId::kEndRun, fixtures::EventPayload(1), 77, /*damage=*/0x1002);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Configure() + end_run));
  EXPECT_EQ(smd.substr(smd.size() - 24),
            fixtures::Dgram(TransitionId::kEndRun, "", 77, /*damage=*/0x1002));
}

TEST(SmdWriter, LeavesTheDamageOfAnL1AcceptBehind) {
  const std::string event =
      fixtures::Dgram(TransitionId::kL1Accept, fixtures::EventPayload(1), 5, /*damage=*/0x8);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Configure() + event));
  EXPECT_EQ(DgramsOf(smd)[1].damage().value(), 0);
}

TEST(SmdWriter, CopiesAllOtherServicesWhole) {
  std::string others;
  for (const TransitionId service :
       {TransitionId::kBeginRun, TransitionId::kBeginStep, TransitionId::kEnable,
        TransitionId::kSlowUpdate, TransitionId::kL1AcceptEndOfBatch, TransitionId::kDisable,
        TransitionId::kEndStep, TransitionId::kUnconfigure}) {
    others += fixtures::Dgram(service, fixtures::EventPayload(1), 9, /*damage=*/0x2);
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Configure() + others));
  EXPECT_EQ(smd.substr(fixtures::Configure().size() + kDeclarationBytes), others);
}

TEST(SmdWriter, DeclaresItsRecordsAgainInALaterConfigure) {
  const std::string run = fixtures::Run(1);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(run + run));
  const std::vector<dgram::Dgram> made = DgramsOf(smd);
  ASSERT_EQ(made.size(), 8);
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdInfo info, SmdInfo::Find(made[4].configuration()));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdRecord record, info.Read(made[6]));
  EXPECT_EQ(record.offset, static_cast<int64_t>(run.size() + fixtures::Configure().size() + 24));
}

TEST(SmdWriter, TakesAnotherNamesIdAndRefusesOneThatIsInUse) {
  SmdWriterOptions options;
  options.names_id = dgram::NamesId(7, 9);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Run(1), options));
  EXPECT_EQ(SmdInfo::Find(DgramsOf(smd)[0].configuration())->id(), options.names_id);
  options.names_id = dgram::NamesId(fixtures::kSrc);
  EXPECT_THAT(SmdOf(fixtures::Run(1), options),
              StatusIs(StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("run.xtc2: byte 0"), HasSubstr("det/0/raw"))));
}

TEST(SmdWriter, RefusesSmallDataAsItsInput) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string smd, SmdOf(fixtures::Run(1)));
  SmdWriterOptions options;
  options.names_id = dgram::NamesId(7, 9);
  EXPECT_THAT(SmdOf(smd, options),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("small data already")));
}

TEST(SmdWriter, RefusesWhatCanNotBeCopiedAndLeavesNoBytesOfIt) {
  SmdWriter writer;
  const auto append = [&](const std::string& bytes) {
    const auto dgram = dgram::Dgram::Make(fixtures::AsBuffer(bytes), 0,
                                          DgramsOf(fixtures::Configure())[0].configuration());
    EXPECT_TRUE(dgram.ok()) << dgram.status();
    return writer.Append(*dgram);
  };
  EXPECT_THAT(append(fixtures::Event(1)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("L1Accept before any Configure")));
  EXPECT_EQ(writer.length(), 0);
  ALKAID_ASSERT_OK(append(fixtures::Configure()));
  const int64_t length = writer.length();
  EXPECT_THAT(append(fixtures::Dgram(TransitionId::kEnable, "slack")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("byte 24")));
  EXPECT_THAT(append(fixtures::Dgram(TransitionId::kEnable, fixtures::ShapesData(0x9, "", ""))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("does not declare")));
  EXPECT_THAT(append(fixtures::Dgram(TransitionId::kConfigure, fixtures::Xtc(4, "short"))),
              StatusIs(StatusCode::kDataLoss, HasSubstr("Names of extent 17")));
  EXPECT_THAT(append(fixtures::Dgram(TransitionId::kConfigure, "", 0, /*damage=*/8)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("Corrupted")));
  EXPECT_EQ(writer.length(), length);
  EXPECT_EQ(writer.size(), 1);
  ALKAID_ASSERT_OK(append(fixtures::Event(1)));
  EXPECT_EQ(writer.length(), length + SmdInfo::kDgramBytes);
}

TEST(SmdWriter, DrainsIntoAStreamWhatFinishWouldGive) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string whole, SmdOf(fixtures::Run(4)));
  ALKAID_ASSERT_OK_AND_ASSIGN(std::shared_ptr<Buffer> drained,
                              AllocateBuffer(static_cast<int64_t>(whole.size())));
  io::FixedSizeBufferWriter out(drained);
  SmdWriter writer;
  for (const dgram::Dgram& dgram : DgramsOf(fixtures::Run(4))) {
    ALKAID_ASSERT_OK(writer.Append(dgram));
    EXPECT_EQ(writer.size(), 1);
    ALKAID_ASSERT_OK(writer.Drain(&out));
    EXPECT_EQ(writer.length(), 0);
  }
  EXPECT_EQ(Text(drained), whole);
  // There is no room: what was made stays, for another stream.
  ALKAID_ASSERT_OK(writer.Append(DgramsOf(fixtures::Run(1))[2]));
  EXPECT_THAT(writer.Drain(&out), StatusIs(StatusCode::kOutOfRange));
  EXPECT_EQ(writer.length(), SmdInfo::kDgramBytes);
}

TEST(SmdWriter, IsAsItWasWhenMemoryFails) {
  const std::vector<dgram::Dgram> dgrams = DgramsOf(fixtures::Run(20));
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::string whole, SmdOf(fixtures::Run(20)));
  for (int64_t nth = 1;; ++nth) {
    FaultInjectingMemoryPool pool(default_memory_pool());
    SmdWriterOptions options;
    options.pool = &pool;
    SmdWriter writer(options);
    pool.fail_after(nth);
    for (const dgram::Dgram& dgram : dgrams) {
      const int64_t length = writer.length();
      Status status = writer.Append(dgram);
      if (status.code() == StatusCode::kResourceExhausted) {
        EXPECT_EQ(writer.length(), length);
        status = writer.Append(dgram);
      }
      ALKAID_ASSERT_OK(status);
    }
    const bool struck = pool.failures_injected() > 0;
    pool.fail_after(0);
    ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Buffer> made, writer.Finish());
    EXPECT_EQ(Text(made), whole) << "after failure of allocation " << nth;
    if (!struck) {
      EXPECT_GT(nth, 3);
      break;
    }
  }
}

}  // namespace
}  // namespace alkaid::events
