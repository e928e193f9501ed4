#include "alkaid/dgram/not_xtc2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The fault that a reader reports for a file of these bytes.
Status Fault(const std::string& bytes, BatchReaderOptions options = {}) {
  options.name = "f";
  auto reader = BatchReader::Open(fixtures::AsBuffer(bytes), std::move(options));
  if (!reader.ok()) return reader.status();
  while (true) {
    const auto batch = (*reader)->Next();
    if (!batch.ok()) return batch.status();
    if (batch->empty()) return absl::OkStatus();
  }
}

// The beginnings of files that people take for XTC2.
std::string Passwd() {
  return "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/\n";
}
std::string Hdf5() {
  return std::string("\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0", 24) +
         std::string(72, '\xff');
}
std::string Elf() {
  return std::string(
             "\x7f"
             "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0\1\0\0\0",
             24) +
         std::string(40, '\0');
}
std::string Gzip() {
  return std::string(
             "\x1f\x8b\x08\0\x12\x34\x56\x65\0\x03\xed\xbd\x07\x60\x1c\x49\x96\x25\x26\x2f\x6d\xca"
             "\x7b\x7f",
             24) +
         "more";
}

TEST(NotXtc2, AFileOfAnotherKindIsCalledThatWithItsFirstBytes) {
  EXPECT_THAT(
      Fault(Passwd()),
      StatusIs(StatusCode::kDataLoss,
               AllOf(HasSubstr("f: byte 0 (datagram 0 at byte 0): not an XTC2 file: it begins "
                               "with \"root:x:0:0:root:/root:/b\""),
                     HasSubstr("1953460082 nanoseconds"))));
  EXPECT_THAT(Fault(Hdf5()), StatusIs(StatusCode::kDataLoss, HasSubstr("\"\\x89HDF\\x0d\\x0a")));
  EXPECT_THAT(Fault(Elf()), StatusIs(StatusCode::kDataLoss, HasSubstr("\"\\x7fELF")));
  EXPECT_THAT(Fault(Gzip()), StatusIs(StatusCode::kDataLoss, HasSubstr("not an XTC2 file")));
  EXPECT_THAT(Fault(std::string(4096, '\0')),
              StatusIs(StatusCode::kDataLoss, HasSubstr("only zeros")));
  EXPECT_THAT(Fault("hello world\n"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("not an XTC2 file")));
}

TEST(NotXtc2, AlsoWhereItsFirstDatagramWouldBeWithinItOrTooLarge) {
  // Text whose bytes 20 to 23 state an extent that fits.
  std::string text = Passwd() + std::string(200, 'x');
  text[11] = 'l';  // an L1Accept
  text.replace(20, 4, std::string("\x40\0\0\0", 4));
  EXPECT_THAT(Fault(text), StatusIs(StatusCode::kDataLoss, HasSubstr("not an XTC2 file")));
  // Like a file of gigabytes: its first datagram exceeds the limit.
  BatchReaderOptions options;
  options.max_dgram_bytes = 50;
  options.batch_bytes = 24;
  EXPECT_THAT(Fault(text, options), StatusIs(StatusCode::kDataLoss, HasSubstr("not an XTC2 file")));
}

TEST(NotXtc2, AMalformedFileIsStillCalledMalformed) {
  const std::string run = fixtures::Run(2);
  for (size_t size = 1; size < fixtures::Configure().size(); size += 50) {
    EXPECT_THAT(Fault(run.substr(0, size)),
                StatusIs(StatusCode::kDataLoss,
                         AllOf(HasSubstr("partial"), Not(HasSubstr("not an XTC2")))));
  }
  EXPECT_THAT(Fault(fixtures::Event(0)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("before any Configure")));
  // Implausible bytes further on are a fault of the file.
  EXPECT_THAT(
      Fault(run + Passwd()),
      StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr("partial"), Not(HasSubstr("not an XTC2")))));
}

}  // namespace
}  // namespace alkaid::dgram
