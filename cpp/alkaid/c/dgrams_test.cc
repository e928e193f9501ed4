#include "alkaid/c/dgrams.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/c/buffers_internal.h"
#include "alkaid/c/fields.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::c {
namespace {

namespace fixtures = dgram::fixtures;

template <typename T>
using Held = std::unique_ptr<T, void (*)(T*)>;

Held<alkaid_buffer> BufferOf(const std::string& bytes) {
  return {NewBuffer(Buffer::FromString(bytes)).release(), alkaid_buffer_release};
}

Held<alkaid_reader> ReaderOf(const std::string& bytes,
                             const alkaid_reader_options* options = nullptr) {
  alkaid_reader* reader = nullptr;
  EXPECT_EQ(alkaid_reader_open_buffer(BufferOf(bytes).get(), options, &reader), ALKAID_OK)
      << alkaid_last_error();
  return {reader, alkaid_reader_release};
}

Held<alkaid_batch> NextOf(const Held<alkaid_reader>& reader) {
  alkaid_batch* batch = nullptr;
  EXPECT_EQ(alkaid_reader_next(reader.get(), &batch), ALKAID_OK) << alkaid_last_error();
  return {batch, alkaid_batch_release};
}

Held<alkaid_dgram> FirstOf(const Held<alkaid_batch>& batch) {
  alkaid_dgram* dgram = nullptr;
  EXPECT_EQ(alkaid_batch_next(batch.get(), &dgram), ALKAID_OK);
  return {dgram, alkaid_dgram_release};
}

alkaid_reader_options Options() {
  alkaid_reader_options options = {};
  options.struct_size = sizeof(options);
  return options;
}

TEST(CDgrams, ABatchIsWalkedWithOneHandle) {
  const auto batch = NextOf(ReaderOf(fixtures::Run(3)));
  alkaid_dgram* dgram = nullptr;
  alkaid_dgram* first = nullptr;
  int64_t count = 0;
  while (alkaid_batch_next(batch.get(), &dgram) == ALKAID_OK && dgram != nullptr) {
    if (count++ == 0) first = dgram;
    EXPECT_EQ(dgram, first);
  }
  EXPECT_EQ(count, 6);
}

TEST(CDgrams, ADatagramThatIsRetainedStaysWhatItIs) {
  const auto batch = NextOf(ReaderOf(fixtures::Run(3)));
  alkaid_dgram* dgram = nullptr;
  std::vector<Held<alkaid_dgram>> kept;
  while (alkaid_batch_next(batch.get(), &dgram) == ALKAID_OK && dgram != nullptr) {
    alkaid_dgram_retain(dgram);
    kept.emplace_back(dgram, alkaid_dgram_release);
  }
  ASSERT_EQ(kept.size(), 6U);
  for (size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(alkaid_dgram_index(kept[i].get()), static_cast<int64_t>(i));
  }
}

TEST(CDgrams, ADatagramOfAnotherBatchIsRefused) {
  const auto batch = NextOf(ReaderOf(fixtures::Run(3)));
  auto other = FirstOf(NextOf(ReaderOf(fixtures::Run(3))));
  alkaid_dgram* dgram = other.get();
  EXPECT_EQ(alkaid_batch_next(batch.get(), &dgram), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(), "alkaid_batch_next: argument 'dgram' is not from this batch");
  EXPECT_EQ(dgram, other.get());
}

TEST(CDgrams, BytesOutliveReaderAndBatch) {
  alkaid_pool* pool = nullptr;
  ASSERT_EQ(alkaid_pool_create("system", &pool), ALKAID_OK);
  alkaid_reader_options options = Options();
  options.pool = pool;
  Held<alkaid_dgram> copy(nullptr, alkaid_dgram_release);
  {
    const auto dgram = FirstOf(NextOf(ReaderOf(fixtures::Run(3), &options)));
    alkaid_dgram* made = nullptr;
    ASSERT_EQ(alkaid_dgram_copy(dgram.get(), pool, &made), ALKAID_OK);
    copy.reset(made);
  }
  alkaid_pool_release(pool);
  EXPECT_EQ(alkaid_dgram_service(copy.get()), ALKAID_CONFIGURE);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(alkaid_dgram_data(copy.get())),
                        static_cast<size_t>(alkaid_dgram_size(copy.get()))),
            fixtures::Configure());
}

TEST(CDgrams, WhatLiesBeforeAFaultComesFirstAndTheFaultStays) {
  const std::string run = fixtures::Run(3);
  const auto reader = ReaderOf(run.substr(0, run.size() - 5));
  EXPECT_EQ(alkaid_batch_count(NextOf(reader).get()), 5);
  for (int i = 0; i < 2; ++i) {
    alkaid_batch* batch = reinterpret_cast<alkaid_batch*>(reader.get());
    EXPECT_EQ(alkaid_reader_next(reader.get(), &batch), ALKAID_DATA_LOSS);
    EXPECT_EQ(batch, nullptr);
    EXPECT_NE(std::string(alkaid_last_error()).find("partial"), std::string::npos)
        << alkaid_last_error();
  }
}

TEST(CDgrams, WhatIsLeftOutIsTold) {
  std::string run = fixtures::Run(3);
  // The Xtc in event 0 states more bytes than its datagram has.
  const size_t event = fixtures::Configure().size() + 24;
  run[event + 24 + 8] = '\xff';
  alkaid_reader_options options = Options();
  std::string told;
  options.on_fault = ALKAID_ON_FAULT_SKIP;
  options.on_skip = [](const char* text, void* context) {
    *static_cast<std::string*>(context) += text;
  };
  options.on_skip_context = &told;
  const auto reader = ReaderOf(run, &options);
  int64_t count = 0;
  while (const auto batch = NextOf(reader)) count += alkaid_batch_count(batch.get());
  EXPECT_EQ(count, 5);
  EXPECT_NE(told.find("were skipped"), std::string::npos) << told;
}

TEST(CDgrams, OptionsOfAnOlderProgramAreTaken) {
  alkaid_reader_options options = Options();
  options.struct_size = offsetof(alkaid_reader_options, begin);
  options.max_dgram_bytes = 30;
  // Past the struct that the program has: ignored.
  options.on_fault = 77;
  alkaid_batch* batch = nullptr;
  const auto reader = ReaderOf(fixtures::Run(3), &options);
  EXPECT_EQ(alkaid_reader_next(reader.get(), &batch), ALKAID_OUT_OF_MEMORY);
}

TEST(CDgrams, OptionsThatMakeNoSenseAreNamed) {
  const auto buffer = BufferOf(fixtures::Run(3));
  const auto refused = [&](const alkaid_reader_options& options) {
    alkaid_reader* reader = nullptr;
    EXPECT_EQ(alkaid_reader_open_buffer(buffer.get(), &options, &reader), ALKAID_INVALID);
    EXPECT_EQ(reader, nullptr);
    return std::string(alkaid_last_error());
  };
  alkaid_reader_options options = Options();
  options.on_fault = 3;
  EXPECT_EQ(refused(options),
            "alkaid_reader_open_buffer: alkaid_reader_options has on_fault 3, which is not an "
            "ALKAID_ON_FAULT_ value");
  options = Options();
  options.batch_bytes = -1;
  EXPECT_NE(refused(options), "");
  struct {
    alkaid_reader_options options;
    int64_t more;
  } newer = {Options(), 1};
  newer.options.struct_size = sizeof(newer);
  EXPECT_NE(refused(newer.options).find("alkaid_reader_options has byte "), std::string::npos);
}

TEST(CDgrams, WithoutAConfigureFieldsAreThoseOfTheOptions) {
  const auto configure = FirstOf(NextOf(ReaderOf(fixtures::Configure())));
  alkaid_configuration* configuration = nullptr;
  ASSERT_EQ(alkaid_dgram_configuration(configure.get(), &configuration), ALKAID_OK);
  alkaid_reader_options options = Options();
  alkaid_batch* batch = nullptr;
  EXPECT_EQ(alkaid_reader_next(ReaderOf(fixtures::Event(1)).get(), &batch), ALKAID_DATA_LOSS);
  options.without_configuration = 1;
  const auto without = NextOf(ReaderOf(fixtures::Event(1), &options));
  alkaid_configuration* none = configuration;
  EXPECT_EQ(alkaid_batch_configuration(without.get(), &none), ALKAID_OK);
  EXPECT_EQ(none, nullptr);
  options = Options();
  options.configuration = configuration;
  const auto dgram = FirstOf(NextOf(ReaderOf(fixtures::Event(1), &options)));
  alkaid_configuration_release(configuration);
  alkaid_field* field = nullptr;
  EXPECT_EQ(alkaid_dgram_find(dgram.get(), "det", 0, "raw", "last", &field), ALKAID_OK);
  alkaid_field_release(field);
  EXPECT_EQ(alkaid_dgram_find(FirstOf(without).get(), "det", 0, "raw", "last", &field),
            ALKAID_FAILED_PRECONDITION);
}

TEST(CDgrams, ARangeIsRead) {
  const std::string run = fixtures::Run(3);
  alkaid_reader_options options = Options();
  options.end = static_cast<int64_t>(fixtures::Configure().size());
  EXPECT_EQ(alkaid_batch_count(NextOf(ReaderOf(run, &options)).get()), 1);
  options.begin = options.end;
  options.end = 0;
  options.without_configuration = 1;
  EXPECT_EQ(alkaid_batch_count(NextOf(ReaderOf(run, &options)).get()), 5);
}

TEST(CDgrams, ServicesHaveNames) {
  EXPECT_STREQ(alkaid_service_name(ALKAID_CONFIGURE), "Configure");
  EXPECT_STREQ(alkaid_service_name(14), "Invalid_14");
  EXPECT_STREQ(alkaid_service_name(16), "Invalid");
  EXPECT_STREQ(alkaid_service_name(-1), "Invalid");
}

}  // namespace
}  // namespace alkaid::c
