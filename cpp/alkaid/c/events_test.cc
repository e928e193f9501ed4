#include "alkaid/c/events.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/c/fields.h"
#include "fixtures/run_files.h"

namespace alkaid::c {
namespace {

using events::RunFiles;

template <typename T>
using Held = std::unique_ptr<T, void (*)(T*)>;

alkaid_events_options Options() {
  alkaid_events_options options = {};
  options.struct_size = sizeof(options);
  return options;
}

Held<alkaid_events> Open(const RunFiles& run, bool big,
                         const alkaid_events_options* options = nullptr) {
  alkaid_events* events = nullptr;
  EXPECT_EQ(alkaid_events_open(run.small_paths(), big ? run.big_paths() : nullptr,
                               RunFiles::kStreams, options, &events),
            ALKAID_OK)
      << alkaid_last_error();
  return {events, alkaid_events_release};
}

Held<alkaid_event> Next(const Held<alkaid_events>& events) {
  alkaid_event* event = nullptr;
  EXPECT_EQ(alkaid_events_next(events.get(), &event), ALKAID_OK) << alkaid_last_error();
  return {event, alkaid_event_release};
}

Held<alkaid_dgram> DgramOf(const Held<alkaid_event>& event, int32_t stream) {
  alkaid_dgram* dgram = nullptr;
  EXPECT_EQ(alkaid_event_dgram(event.get(), stream, &dgram), ALKAID_OK) << alkaid_last_error();
  return {dgram, alkaid_dgram_release};
}

TEST(CEvents, HaveTheDatagramsOfBigDataAndTheirFields) {
  const RunFiles run;
  for (const int32_t prefetch : {-1, 0, 3}) {
    alkaid_events_options options = Options();
    options.prefetch = prefetch;
    options.batch_size = 2;
    const auto events = Open(run, /*big=*/true, &options);
    for (uint32_t i = 1; i <= RunFiles::kEvents; ++i) {
      const auto event = Next(events);
      ASSERT_NE(event, nullptr);
      EXPECT_EQ(alkaid_event_timestamp(event.get()), RunFiles::TimestampOf(i));
      EXPECT_EQ(alkaid_event_index(event.get()), i - 1);
      EXPECT_EQ(DgramOf(event, 1) != nullptr, i % 2 == 0);
      alkaid_field* field = nullptr;
      ASSERT_EQ(alkaid_dgram_find(DgramOf(event, 0).get(), "det", 0, "raw", "last", &field),
                ALKAID_OK)
          << alkaid_last_error();
      double last = 0;
      EXPECT_EQ(alkaid_field_get_double(field, &last), ALKAID_OK);
      EXPECT_EQ(last, i + 0.5);
      alkaid_field_release(field);
    }
    EXPECT_EQ(alkaid_event_service(Next(events).get()), ALKAID_END_RUN);
    EXPECT_EQ(Next(events), nullptr);
    EXPECT_EQ(Next(events), nullptr) << "the end stays";
  }
}

TEST(CEvents, ADatagramKeepsItsBytesAndThePoolTheyAreOf) {
  const RunFiles run;
  alkaid_events_options options = Options();
  ASSERT_EQ(alkaid_pool_create("system", &options.pool), ALKAID_OK);
  for (const bool big : {false, true}) {
    auto events = Open(run, big, &options);
    auto event = Next(events);
    const auto dgram = DgramOf(event, 0);
    if (big) alkaid_pool_release(options.pool);
    events.reset();
    event.reset();
    EXPECT_EQ(alkaid_dgram_timestamp(dgram.get()), RunFiles::TimestampOf(1));
    EXPECT_EQ(alkaid_dgram_size(dgram.get()) == 76, !big);
  }
}

TEST(CEvents, OnlyTimestampsThatAreAskedForCome) {
  const RunFiles run;
  const uint64_t wanted[] = {RunFiles::TimestampOf(5), RunFiles::TimestampOf(2)};
  alkaid_events_options options = Options();
  options.timestamps = wanted;
  options.timestamp_count = 2;
  for (const bool big : {false, true}) {
    const auto events = Open(run, big, &options);
    std::vector<uint64_t> came;
    while (const auto event = Next(events)) {
      if (alkaid_event_service(event.get()) != ALKAID_END_RUN) {
        came.push_back(alkaid_event_timestamp(event.get()));
      }
    }
    EXPECT_EQ(came, (std::vector<uint64_t>{RunFiles::TimestampOf(2), RunFiles::TimestampOf(5)}));
  }
}

TEST(CEvents, WhatMakesNoSenseIsNamed) {
  const RunFiles run;
  alkaid_events* events = nullptr;
  const char* const paths[] = {run.small_paths()[0], nullptr};
  EXPECT_EQ(alkaid_events_open(paths, nullptr, 2, nullptr, &events), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(),
               "alkaid_events_open: argument 'small_paths' has NULL as path 1 of 2");
  EXPECT_EQ(alkaid_events_open(paths, nullptr, 0, nullptr, &events), ALKAID_INVALID);
  EXPECT_EQ(alkaid_events_open(paths, nullptr, -1, nullptr, &events), ALKAID_INVALID);
  alkaid_events_options options = Options();
  options.prefetch = -2;
  EXPECT_EQ(alkaid_events_open(run.small_paths(), run.big_paths(), 2, &options, &events),
            ALKAID_INVALID);
  options = Options();
  options.on_fault = -1;
  EXPECT_EQ(alkaid_events_open(run.small_paths(), nullptr, 2, &options, &events), ALKAID_INVALID);
  options = Options();
  options.timestamp_count = -1;
  options.timestamps = nullptr;
  EXPECT_EQ(alkaid_events_open(run.small_paths(), nullptr, 2, &options, &events), ALKAID_INVALID);
  EXPECT_EQ(events, nullptr);
  const char* const nowhere[] = {"/nowhere/a.smd.xtc2"};
  EXPECT_EQ(alkaid_events_open(nowhere, nullptr, 1, nullptr, &events), ALKAID_NOT_FOUND);
}

TEST(CEvents, AStreamThatThereIsNotIsRefused) {
  const RunFiles run;
  const auto event = Next(Open(run, /*big=*/false));
  EXPECT_EQ(alkaid_event_stream_count(event.get()), 2);
  for (const int32_t stream : {-1, 2}) {
    alkaid_dgram* dgram = nullptr;
    EXPECT_EQ(alkaid_event_dgram(event.get(), stream, &dgram), ALKAID_OUT_OF_RANGE);
  }
  EXPECT_STREQ(alkaid_last_error(), "alkaid_event_dgram: stream 2 of 2");
}

}  // namespace
}  // namespace alkaid::c
