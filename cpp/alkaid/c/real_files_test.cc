// Compares the C interface with C++ on real files: every datagram and every field must be the same.
//
// ALKAID_TEST_DATA names a folder of XTC2 files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/c/alkaid.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "fixtures/digest.h"

namespace alkaid::c {
namespace {

namespace fs = std::filesystem;

// What was read from a file, and how reading ended.
struct Read {
  Digest digest;
  int64_t dgrams = 0;
  int64_t fields = 0;
  std::string end;
};

Read ByCpp(const std::string& path) {
  Read read;
  dgram::BatchReaderOptions options;
  options.require_configuration = false;
  const auto reader = dgram::BatchReader::Open(path, options).value();
  while (true) {
    const Result<dgram::DgramBatch> batch = reader->Next();
    if (!batch.ok()) read.end = std::string(batch.status().message());
    if (!batch.ok() || batch->empty()) return read;
    for (const dgram::Dgram& dgram : *batch) {
      ++read.dgrams;
      read.digest.Add(static_cast<int64_t>(dgram.timestamp().value()));
      read.digest.Add(dgram.data(), dgram.size());
      const Status status = dgram::ForEachField(
          dgram, [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
            ++read.fields;
            read.digest.Add(data.names().detector());
            read.digest.Add(field.name());
            read.digest.Add(static_cast<int64_t>(field.type()));
            for (int i = 0; i < field.rank(); ++i) read.digest.Add(field.dim(i));
            read.digest.Add(field.data(), field.nbytes());
          });
      read.digest.Add(status.ok());
    }
  }
}

Read ByC(const std::string& path) {
  Read read;
  alkaid_reader_options options = {};
  options.struct_size = sizeof(options);
  options.without_configuration = 1;
  alkaid_reader* reader = nullptr;
  EXPECT_EQ(alkaid_reader_open(path.c_str(), &options, &reader), ALKAID_OK);
  while (true) {
    alkaid_batch* batch = nullptr;
    if (alkaid_reader_next(reader, &batch) != ALKAID_OK) {
      read.end = std::string(alkaid_last_error()).substr(sizeof("alkaid_reader_next: ") - 1);
    }
    if (batch == nullptr) break;
    alkaid_dgram* dgram = nullptr;
    while (alkaid_batch_next(batch, &dgram) == ALKAID_OK && dgram != nullptr) {
      ++read.dgrams;
      read.digest.Add(static_cast<int64_t>(alkaid_dgram_timestamp(dgram)));
      read.digest.Add(alkaid_dgram_data(dgram), alkaid_dgram_size(dgram));
      alkaid_field* field = nullptr;
      alkaid_status status = ALKAID_OK;
      while ((status = alkaid_dgram_next_field(dgram, &field)) == ALKAID_OK && field != nullptr) {
        alkaid_field_declaration declaration = {};
        declaration.struct_size = sizeof(declaration);
        EXPECT_EQ(alkaid_field_get_declaration(field, &declaration), ALKAID_OK);
        ++read.fields;
        read.digest.Add(std::string(declaration.detector));
        read.digest.Add(std::string(declaration.name));
        read.digest.Add(int64_t{alkaid_field_type(field)});
        for (int32_t i = 0; i < alkaid_field_rank(field); ++i) {
          read.digest.Add(alkaid_field_dim(field, i));
        }
        read.digest.Add(alkaid_field_data(field), alkaid_field_size(field));
      }
      read.digest.Add(status == ALKAID_OK);
      alkaid_field_release(field);
    }
    alkaid_batch_release(batch);
  }
  alkaid_reader_release(reader);
  return read;
}

TEST(CRealFiles, AreReadAsByCpp) {
  const char* const folder = std::getenv("ALKAID_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "ALKAID_TEST_DATA names no folder of XTC2 files";
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".xtc2") continue;
    const std::string path = entry.path().string();
    SCOPED_TRACE(path);
    const Read expected = ByCpp(path);
    const Read read = ByC(path);
    EXPECT_EQ(read.dgrams, expected.dgrams);
    EXPECT_EQ(read.fields, expected.fields);
    EXPECT_EQ(read.end, expected.end);
    EXPECT_EQ(read.digest.text(), expected.digest.text());
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace alkaid::c
