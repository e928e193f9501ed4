// Files of real runs, edited datagram by datagram and compared field by field.
//
// ALKAID_TEST_DATA names a folder of XTC2 files; a folder bad/ in it is left out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::dgram {
namespace {

namespace fs = std::filesystem;

// Detector with its segment and algorithm, field, shape, and bytes.
using FieldRecord = std::tuple<std::string, std::string, std::vector<int64_t>, std::string>;

// All fields but those of the Names `left_out`.
std::vector<FieldRecord> FieldsOf(const Dgram& dgram, const Names* left_out = nullptr) {
  std::vector<FieldRecord> all;
  EXPECT_THAT(ForEachField(dgram,
                           [&](const ShapesData& data, const FieldView& field) {
                             if (left_out != nullptr &&
                                 data.names().detector() == left_out->detector() &&
                                 data.names().algorithm().name == left_out->algorithm().name) {
                               return;
                             }
                             std::vector<int64_t> shape;
                             for (int i = 0; i < field.rank(); ++i) shape.push_back(field.dim(i));
                             const auto bytes = field.bytes();
                             all.emplace_back(data.names().ToString(), field.name(), shape,
                                              std::string(bytes.begin(), bytes.end()));
                           }),
              IsOk());
  return all;
}

DetectorDefinition Added() {
  return {
      .detector = "edited", .algorithm = {"raw", 0}, .fields = {{"x", DataType::kFloat, 1, {}}}};
}

class DgramEditFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const root = std::getenv("ALKAID_TEST_DATA");
    if (root == nullptr || *root == '\0') {
      GTEST_SKIP() << "ALKAID_TEST_DATA is not set: no files of real runs to edit";
    }
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      const fs::path& path = entry.path();
      if (path.extension() == ".xtc2" && path.parent_path().filename() != "bad") {
        files_.push_back(path);
      }
    }
    ASSERT_FALSE(files_.empty()) << "no files in " << root;
  }
  std::vector<fs::path> files_;
};

// Adds data to every datagram, and removes one of the detectors that it carries.
void EditAndCompare(DgramEdit& edit, const Dgram& dgram, int64_t* removals) {
  const std::string before = dgram.buffer()->ToString();
  ALKAID_ASSERT_OK(edit.Reset(dgram));
  EXPECT_EQ(edit.Save().value().buffer()->ToString(), before);
  const bool configure = dgram.service() == TransitionId::kConfigure;
  if (configure) {
    ALKAID_ASSERT_OK(edit.AddDetector(Added()));
  }

  const Names* removed = nullptr;
  ShapesDataWalk walk(dgram);
  if (!configure && walk.Next()) removed = &walk.shapes_data().names();
  if (removed != nullptr) {
    ALKAID_ASSERT_OK(edit.RemoveData(removed->detector(), removed->algorithm().name));
    ++*removals;
  }
  const std::vector<float> values = {1, 2, static_cast<float>(dgram.index())};
  ALKAID_ASSERT_OK(
      edit.AddData(edit.configuration()->names().back(), {FieldValue::Array<float>(values, {3})}));

  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram saved, edit.Save());
  auto configuration = edit.configuration();
  if (configure) {
    ALKAID_ASSERT_OK_AND_ASSIGN(configuration, Configuration::FromDgram(saved));
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram read, Dgram::Make(saved.buffer(), 0, configuration));
  std::vector<FieldRecord> expected = FieldsOf(dgram, removed);
  expected.emplace_back("edited/0/raw", "x", std::vector<int64_t>{3},
                        std::string(reinterpret_cast<const char*>(values.data()), 12));
  EXPECT_EQ(FieldsOf(read), expected) << dgram.source() << " datagram " << dgram.index();
  EXPECT_EQ(read.timestamp(), dgram.timestamp());
  EXPECT_EQ(read.header().env, dgram.header().env);
  EXPECT_EQ(dgram.buffer()->ToString(), before) << "the input was written to";
}

TEST_F(DgramEditFiles, HoldWhatWasAddedAndAllThatWasNotRemoved) {
  int64_t edited = 0;
  int64_t removals = 0;
  for (const fs::path& path : files_) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto reader, BatchReader::Open(path));
    ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                                DgramEdit::Make(TransitionId::kEnable, Timestamp()));
    int64_t of_file = 0;
    while (of_file < 40) {
      const Result<DgramBatch> batch = reader->Next();
      // A file that continues another has no Configure, and some are cut.
      if (!batch.ok() || batch->empty()) break;
      for (const Dgram& dgram : *batch) {
        if (of_file++ == 40) break;
        EditAndCompare(edit, dgram, &removals);
        if (HasFatalFailure()) return;
      }
    }
    edited += of_file;
  }
  EXPECT_GT(edited, 50);
  EXPECT_GT(removals, 20);
}

}  // namespace
}  // namespace alkaid::dgram
