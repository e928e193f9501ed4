// Small data made here from the big data of real runs, compared with the small data that came with
// them.
//
// ALKAID_TEST_DATA names a folder of runs: <run>/x.xtc2 with <run>/smalldata/x.smd.xtc2. In files
// of other writers, bytes of no field are garbage, so fields and headers are compared.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_writer.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::events {
namespace {

namespace fs = std::filesystem;
using dgram::BatchReader;
using dgram::BatchReaderOptions;
using dgram::DgramBatch;

// The contents of a datagram, one line each.
std::vector<std::string> Described(const dgram::Dgram& dgram) {
  const dgram::DgramHeader header = dgram.header();
  std::vector<std::string> lines = {absl::StrCat(
      header.timestamp.value(), " env ", header.env, " src ", header.root.src, " damage ",
      header.root.damage.value(), " contains ", header.root.contains, " size ", dgram.size())};
  if (dgram.service() == dgram::TransitionId::kConfigure) {
    for (const dgram::Names& names : dgram.configuration()->names()) {
      lines.push_back(absl::StrCat(names.id().ToString(), " ", names.ToString(), " ",
                                   names.detector_type(), " ", names.detector_id(), " ",
                                   names.algorithm().version));
      for (const dgram::Field& field : names.fields()) {
        lines.push_back(absl::StrCat(field.name, " ", dgram::DataTypeName(field.type), " ",
                                     field.rank, " ", field.algorithm.name));
      }
    }
  }
  const Status status =
      dgram::ForEachField(dgram, [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
        std::string line = absl::StrCat(data.names().id().ToString(), " ", data.names().ToString(),
                                        " damage ", data.damage().value(), " ", field.name());
        for (int i = 0; i < field.rank(); ++i) absl::StrAppend(&line, " x", field.dim(i));
        line.append(" ").append(reinterpret_cast<const char*>(field.data()),
                                static_cast<size_t>(field.nbytes()));
        lines.push_back(std::move(line));
      });
  EXPECT_TRUE(status.ok()) << status;
  return lines;
}

// The small data of `path` and of the chunks that continue it.
Result<std::shared_ptr<Buffer>> SmdOf(std::string path, dgram::NamesId id, int* chunks) {
  SmdWriterOptions options;
  options.names_id = id;
  SmdWriter writer(options);
  BatchReaderOptions reading;
  uint32_t chunk_id = ChunkInfo::ChunkIdOf(path);
  for (bool more = true; more; ++*chunks) {
    more = false;
    ALKAID_ASSIGN_OR_RAISE(const auto reader, BatchReader::Open(path, reading));
    while (true) {
      ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader->Next());
      if (batch.empty()) break;
      for (const dgram::Dgram& dgram : batch) {
        ALKAID_RETURN_NOT_OK(writer.Append(dgram));
        const auto info = ChunkInfo::Read(dgram);
        if (!info.ok() || info->chunk_id <= chunk_id) continue;
        path = info->PathBeside(path);
        chunk_id = info->chunk_id;
        more = true;
      }
    }
    reading.configuration = reader->configuration();
  }
  return writer.Finish();
}

class SmdOfRealFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const root = std::getenv("ALKAID_TEST_DATA");
    if (root == nullptr || *root == '\0') {
      GTEST_SKIP() << "ALKAID_TEST_DATA is not set: no files of real runs to read";
    }
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      const std::string suffix = ".smd.xtc2";
      if (entry.path().parent_path().filename() != "smalldata" || !name.ends_with(suffix)) continue;
      const fs::path big_data = entry.path().parent_path().parent_path() /
                                (name.substr(0, name.size() - suffix.size()) + ".xtc2");
      if (fs::exists(big_data)) pairs_.emplace_back(big_data.string(), entry.path().string());
    }
    if (pairs_.empty()) GTEST_SKIP() << "no runs with a folder smalldata in " << root;
  }

  std::vector<std::pair<std::string, std::string>> pairs_;
};

TEST_F(SmdOfRealFiles, SaysInEachFieldWhatTheirOwnSmallDataSay) {
  int most_chunks = 0;
  for (const auto& [big_data, small_data] : pairs_) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto theirs, BatchReader::Open(small_data));
    ALKAID_ASSERT_OK_AND_ASSIGN(DgramBatch expected, theirs->Next());
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdInfo info, SmdInfo::Find(theirs->configuration()));
    int chunks = 0;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto made, SmdOf(big_data, info.id(), &chunks));
    most_chunks = std::max(most_chunks, chunks);
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto ours, BatchReader::Open(made));
    for (; !expected.empty(); expected = *theirs->Next()) {
      ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch actual, ours->Next());
      ASSERT_EQ(actual.size(), expected.size()) << small_data;
      dgram::DgramIterator it = actual.begin();
      for (const dgram::Dgram& dgram : expected) {
        ASSERT_EQ(Described(*it), Described(dgram))
            << small_data << ": byte " << dgram.offset() << " (datagram " << dgram.index() << ")";
        ++it;
      }
    }
    EXPECT_TRUE(ours->Next()->empty()) << small_data;
  }
  RecordProperty("runs", static_cast<int>(pairs_.size()));
  RecordProperty("most_chunks", most_chunks);
}

}  // namespace
}  // namespace alkaid::events
