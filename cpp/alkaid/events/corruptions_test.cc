// Every known corruption of small data and of blocks of packets: each is refused where it must be.
// The bytes lie in a block of exactly their size, so that a sanitizer sees the first step past it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "alkaid/events/chunk_info.h"
#include "alkaid/events/packet_footer.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_writer.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/event_corruptions.h"
#include "fixtures/exact_block.h"
#include "fixtures/read_everything.h"

namespace alkaid::events {
namespace {

using dgram::Corruption;
using dgram::ExactBlock;
using ::testing::AllOf;
using ::testing::HasSubstr;

void ExpectAsSaid(const Corruption& corruption, const Status& status) {
  if (corruption.refused_at == Corruption::kAccepted) {
    EXPECT_TRUE(status.ok()) << corruption.name << ": " << status;
    return;
  }
  EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss,
                               AllOf(HasSubstr(absl::StrCat(": byte ", corruption.refused_at)),
                                     HasSubstr(corruption.why))))
      << corruption.name;
}

// The last datagram of the bytes.
dgram::Dgram LastDgram(const std::shared_ptr<Buffer>& bytes) {
  dgram::Dgram last;
  const auto reader = *dgram::BatchReader::Open(bytes);
  for (auto batch = reader->Next(); batch.ok() && !batch->empty(); batch = reader->Next()) {
    for (const dgram::Dgram& dgram : *batch) last = dgram;
  }
  return last;
}

TEST(EventsCorruptions, RecordsAreRefusedWhereTheyCanNotBeTrue) {
  for (const Corruption& corruption : SmdRecordCorruptions()) {
    const ExactBlock block(corruption.bytes);
    const dgram::Dgram last = LastDgram(block.buffer);
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdInfo info, SmdInfo::Find(last.configuration()));
    ExpectAsSaid(corruption, info.Read(last).status());
  }
}

TEST(EventsCorruptions, AVerifierAgreesAboutRecordsAndChunks) {
  std::vector<Corruption> all = SmdRecordCorruptions();
  for (const Corruption& corruption : ChunkInfoCorruptions()) all.push_back(corruption);
  for (const Corruption& corruption : all) {
    const ExactBlock block(corruption.bytes);
    const std::vector<dgram::Finding> findings = dgram::VerifyEverything(block.buffer);
    bool found = false;
    bool found_there = false;
    for (const dgram::Finding& finding : findings) {
      const bool fault = finding.kind == dgram::Finding::Kind::kFault;
      found |= fault;
      found_there |= fault && finding.byte == corruption.refused_at;
    }
    const bool refused = corruption.refused_at != Corruption::kAccepted;
    const bool is_malformed = !dgram::ReadEverything(block.buffer).status.ok();
    EXPECT_EQ(found, refused || is_malformed) << corruption.name;
    EXPECT_EQ(found_there, refused) << corruption.name;
  }
}

TEST(EventsCorruptions, ChunksAreRefusedWhereTheyAreMalformedOrLeaveTheFolder) {
  for (const Corruption& corruption : ChunkInfoCorruptions()) {
    const ExactBlock block(corruption.bytes);
    ExpectAsSaid(corruption, ChunkInfo::Read(LastDgram(block.buffer)).status());
  }
}

TEST(EventsCorruptions, FootersAreRefusedWhereTheyDoNotFitTheirBlock) {
  for (const Corruption& corruption : FooterCorruptions()) {
    const ExactBlock block(corruption.bytes);
    const auto footer = PacketFooter::Parse(block.buffer->data(), block.buffer->size(), "block", 0);
    ExpectAsSaid(corruption, footer.status());
    int64_t sum = 0;
    for (int64_t i = 0; footer.ok() && i < footer->count(); ++i) sum += footer->size(i);
    EXPECT_EQ(sum, footer.ok() ? footer->packets_nbytes() : 0) << corruption.name;
  }
}

// Whatever is wrong with big data, SmdWriter refuses them or makes sound small data.
TEST(EventsCorruptions, SmallDataOfCorruptBigDataAreRefusedOrSound) {
  for (const Corruption& corruption : dgram::Corruptions()) {
    const ExactBlock block(corruption.bytes);
    const auto reader = *dgram::BatchReader::Open(block.buffer);
    SmdWriter writer;
    Status refused;
    for (auto batch = reader->Next(); batch.ok() && !batch->empty(); batch = reader->Next()) {
      for (const dgram::Dgram& dgram : *batch) {
        const int64_t length = writer.length();
        const Status status = writer.Append(dgram);
        if (status.ok()) continue;
        EXPECT_EQ(status.code(), StatusCode::kDataLoss) << corruption.name << ": " << status;
        EXPECT_EQ(writer.length(), length) << corruption.name;
        refused = status;
      }
    }
    ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Buffer> made, writer.Finish());
    if (!refused.ok()) continue;
    const dgram::EverythingRead read = dgram::ReadEverything(made);
    EXPECT_TRUE(read.status.ok()) << corruption.name << ": " << read.status;
  }
}

}  // namespace
}  // namespace alkaid::events
