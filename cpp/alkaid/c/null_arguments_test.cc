// NULL in every argument of the C interface: an error that names the argument, and no crash.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "alkaid/c/alkaid.h"
#include "alkaid/interop/arrow_c_abi.h"

namespace {

// Checks that the call is refused, naming the argument.
void Refused(const char* function, const char* argument, alkaid_status status) {
  EXPECT_EQ(status, ALKAID_INVALID) << function;
  EXPECT_EQ(std::string(alkaid_last_error()),
            std::string(function) + ": argument '" + argument + "' is NULL");
  alkaid_clear_error();
}
template <typename T>
void Answers(const char* function, const char* argument, T answer, T expected) {
  EXPECT_EQ(answer, expected) << function;
  Refused(function, argument, ALKAID_INVALID);
}
#define REFUSED(function, argument, ...) Refused(#function, argument, function(__VA_ARGS__))
#define ANSWERS(function, argument, expected, ...)    \
  Answers(#function, argument, function(__VA_ARGS__), \
          static_cast<decltype(function(__VA_ARGS__))>(expected))

TEST(CNullArguments, OfPools) {
  alkaid_pool* pool = nullptr;
  alkaid_pool_figures figures = {};
  uint32_t outer = 0;
  void* block = nullptr;
  ASSERT_EQ(alkaid_pool_default(&pool), ALKAID_OK);
  REFUSED(alkaid_pool_default, "out", nullptr);
  REFUSED(alkaid_pool_create, "out", "system", nullptr);
  REFUSED(alkaid_pool_backends, "out", nullptr);
  REFUSED(alkaid_pool_proxy, "out", pool, nullptr);
  REFUSED(alkaid_pool_capped, "out", pool, 1, nullptr);
  REFUSED(alkaid_pool_quota, "out", pool, 1, nullptr);
  REFUSED(alkaid_pool_get_figures, "pool", nullptr, &figures);
  REFUSED(alkaid_pool_get_figures, "figures", pool, nullptr);
  ANSWERS(alkaid_pool_backend_name, "pool", nullptr, nullptr);
  REFUSED(alkaid_pool_release_unused, "pool", nullptr);
  REFUSED(alkaid_pool_allocate, "out", pool, 1, 0, nullptr);
  REFUSED(alkaid_pool_reallocate, "block", pool, 1, 2, 0, nullptr);
  REFUSED(alkaid_pool_reallocate, "*block", pool, 1, 2, 0, &block);
  ANSWERS(alkaid_strings_count, "strings", -1, nullptr);
  ANSWERS(alkaid_strings_get, "strings", nullptr, nullptr, 0);
  REFUSED(alkaid_label_push, "name", nullptr, &outer);
  REFUSED(alkaid_label_push, "outer", "label", nullptr);
  alkaid_pool_release(pool);
}

TEST(CNullArguments, OfBuffers) {
  alkaid_buffer* buffer = nullptr;
  alkaid_buffer* out = nullptr;
  ASSERT_EQ(alkaid_buffer_allocate(1, 0, nullptr, &buffer), ALKAID_OK);
  REFUSED(alkaid_buffer_allocate, "out", 1, 0, nullptr, nullptr);
  REFUSED(alkaid_buffer_allocate_resizable, "out", 1, 0, nullptr, nullptr);
  REFUSED(alkaid_buffer_from_foreign, "out", "x", 1, nullptr, nullptr, nullptr);
  REFUSED(alkaid_buffer_from_foreign_mutable, "out", nullptr, 0, nullptr, nullptr, nullptr);
  REFUSED(alkaid_buffer_slice, "buffer", nullptr, 0, 1, &out);
  REFUSED(alkaid_buffer_slice, "out", buffer, 0, 1, nullptr);
  REFUSED(alkaid_buffer_slice_mutable, "buffer", nullptr, 0, 1, &out);
  REFUSED(alkaid_buffer_slice_mutable, "out", buffer, 0, 1, nullptr);
  REFUSED(alkaid_buffer_copy, "buffer", nullptr, 0, 1, nullptr, &out);
  REFUSED(alkaid_buffer_copy, "out", buffer, 0, 1, nullptr, nullptr);
  REFUSED(alkaid_buffer_parent, "buffer", nullptr, &out);
  REFUSED(alkaid_buffer_parent, "out", buffer, nullptr);
  REFUSED(alkaid_buffer_resize, "buffer", nullptr, 1);
  REFUSED(alkaid_buffer_reserve, "buffer", nullptr, 1);
  ANSWERS(alkaid_buffer_data, "buffer", nullptr, nullptr);
  ANSWERS(alkaid_buffer_mutable_data, "buffer", nullptr, nullptr);
  ANSWERS(alkaid_buffer_address, "buffer", 0, nullptr);
  ANSWERS(alkaid_buffer_size, "buffer", -1, nullptr);
  ANSWERS(alkaid_buffer_capacity, "buffer", -1, nullptr);
  ANSWERS(alkaid_buffer_root_capacity, "buffer", -1, nullptr);
  ANSWERS(alkaid_buffer_is_mutable, "buffer", -1, nullptr);
  ANSWERS(alkaid_buffer_is_cpu, "buffer", -1, nullptr);
  ANSWERS(alkaid_buffer_equals, "a", -1, nullptr, buffer);
  ANSWERS(alkaid_buffer_equals, "b", -1, buffer, nullptr);
  alkaid_buffer_release(buffer);
}

TEST(CNullArguments, OfDatagrams) {
  alkaid_buffer* buffer = nullptr;
  alkaid_reader* reader = nullptr;
  alkaid_batch* batch = nullptr;
  alkaid_dgram* dgram = nullptr;
  alkaid_configuration* configuration = nullptr;
  const uint8_t* data = nullptr;
  int64_t size = 0;
  REFUSED(alkaid_reader_open, "path", nullptr, nullptr, &reader);
  REFUSED(alkaid_reader_open, "out", "run.xtc2", nullptr, nullptr);
  REFUSED(alkaid_reader_open_buffer, "buffer", nullptr, nullptr, &reader);
  REFUSED(alkaid_reader_next, "reader", nullptr, &batch);
  ANSWERS(alkaid_batch_count, "batch", -1, nullptr);
  ANSWERS(alkaid_batch_size, "batch", -1, nullptr);
  REFUSED(alkaid_batch_buffer, "batch", nullptr, &buffer);
  REFUSED(alkaid_batch_configuration, "batch", nullptr, &configuration);
  REFUSED(alkaid_batch_next, "batch", nullptr, &dgram);
  REFUSED(alkaid_dgram_from_buffer, "buffer", nullptr, 0, nullptr, &dgram);
  REFUSED(alkaid_dgram_copy, "dgram", nullptr, nullptr, &dgram);
  ANSWERS(alkaid_dgram_timestamp, "dgram", 0, nullptr);
  ANSWERS(alkaid_dgram_service, "dgram", -1, nullptr);
  ANSWERS(alkaid_dgram_damage, "dgram", -1, nullptr);
  ANSWERS(alkaid_dgram_index, "dgram", -1, nullptr);
  ANSWERS(alkaid_dgram_offset, "dgram", -1, nullptr);
  ANSWERS(alkaid_dgram_size, "dgram", -1, nullptr);
  ANSWERS(alkaid_dgram_data, "dgram", nullptr, nullptr);
  REFUSED(alkaid_dgram_payload, "dgram", nullptr, &data, &size);
  REFUSED(alkaid_dgram_buffer, "dgram", nullptr, &buffer);
  REFUSED(alkaid_dgram_configuration, "dgram", nullptr, &configuration);
}

TEST(CNullArguments, OfFields) {
  alkaid_buffer* buffer = nullptr;
  alkaid_field_key* key = nullptr;
  alkaid_field* field = nullptr;
  alkaid_field_declaration declaration = {};
  int64_t integer = 0;
  uint64_t natural = 0;
  double real = 0;
  const char* text = nullptr;
  ANSWERS(alkaid_configuration_field_count, "configuration", -1, nullptr);
  REFUSED(alkaid_configuration_get_field, "configuration", nullptr, 0, &declaration);
  REFUSED(alkaid_configuration_find, "configuration", nullptr, "det", 0, "raw", "image", &key);
  ANSWERS(alkaid_configuration_equals, "a", -1, nullptr, nullptr);
  REFUSED(alkaid_dgram_get_field, "dgram", nullptr, key, &field);
  REFUSED(alkaid_dgram_find, "dgram", nullptr, "det", 0, "raw", "image", &field);
  REFUSED(alkaid_dgram_next_field, "dgram", nullptr, &field);
  REFUSED(alkaid_field_get_declaration, "field", nullptr, &declaration);
  ANSWERS(alkaid_field_type, "field", -1, nullptr);
  ANSWERS(alkaid_field_rank, "field", -1, nullptr);
  ANSWERS(alkaid_field_dim, "field", -1, nullptr, 0);
  ANSWERS(alkaid_field_count, "field", -1, nullptr);
  ANSWERS(alkaid_field_size, "field", -1, nullptr);
  ANSWERS(alkaid_field_data, "field", nullptr, nullptr);
  REFUSED(alkaid_field_buffer, "field", nullptr, &buffer);
  REFUSED(alkaid_field_get_int64, "field", nullptr, &integer);
  REFUSED(alkaid_field_get_uint64, "field", nullptr, &natural);
  REFUSED(alkaid_field_get_double, "field", nullptr, &real);
  REFUSED(alkaid_field_get_text, "field", nullptr, &text, &integer);
}

TEST(CNullArguments, OfEventsAndExchange) {
  alkaid_events* events = nullptr;
  alkaid_event* event = nullptr;
  alkaid_dgram* dgram = nullptr;
  DLManagedTensorVersioned* managed = nullptr;
  ArrowSchema schema = {};
  ArrowArray array = {};
  REFUSED(alkaid_events_open, "small_paths", nullptr, nullptr, 1, nullptr, &events);
  REFUSED(alkaid_events_next, "events", nullptr, &event);
  ANSWERS(alkaid_event_timestamp, "event", 0, nullptr);
  ANSWERS(alkaid_event_service, "event", -1, nullptr);
  ANSWERS(alkaid_event_index, "event", -1, nullptr);
  ANSWERS(alkaid_event_stream_count, "event", -1, nullptr);
  REFUSED(alkaid_event_dgram, "event", nullptr, 0, &dgram);
  REFUSED(alkaid_buffer_to_dlpack, "buffer", nullptr, 0, &managed);
  REFUSED(alkaid_field_to_dlpack, "field", nullptr, 0, &managed);
  REFUSED(alkaid_buffer_to_arrow, "buffer", nullptr, 0, &schema, &array);
  REFUSED(alkaid_field_to_arrow, "field", nullptr, 0, &schema, &array);
}

TEST(CNullArguments, MayBeRetainedAndReleased) {
  alkaid_pool_retain(nullptr), alkaid_pool_release(nullptr);
  alkaid_buffer_retain(nullptr), alkaid_buffer_release(nullptr);
  alkaid_reader_retain(nullptr), alkaid_reader_release(nullptr);
  alkaid_batch_retain(nullptr), alkaid_batch_release(nullptr);
  alkaid_dgram_retain(nullptr), alkaid_dgram_release(nullptr);
  alkaid_configuration_retain(nullptr), alkaid_configuration_release(nullptr);
  alkaid_field_key_retain(nullptr), alkaid_field_key_release(nullptr);
  alkaid_field_retain(nullptr), alkaid_field_release(nullptr);
  alkaid_events_retain(nullptr), alkaid_events_release(nullptr);
  alkaid_event_retain(nullptr), alkaid_event_release(nullptr);
  alkaid_strings_release(nullptr);
  EXPECT_STREQ(alkaid_last_error(), "");
}

}  // namespace
