/* Datagrams, fields and events, in C: a part of c_program_test.c. */
#include <string.h>

#include "alkaid/c/c_program_check.h"

static void path_of(char* path, size_t size, const char* folder, const char* name) {
  CHECK((size_t)snprintf(path, size, "%s/%s", folder, name) < size);
}

static void never_called(const char* text, void* context) {
  (void)context;
  fprintf(stderr, "left out: %s\n", text);
  exit(1);
}

alkaid_dgram* datagram_of(const char* folder, const char* name, int64_t index) {
  char path[8192];
  alkaid_reader* reader = NULL;
  alkaid_batch* batch = NULL;
  alkaid_dgram* dgram = NULL;
  path_of(path, sizeof path, folder, name);
  CHECK_OK(alkaid_reader_open(path, NULL, &reader));
  CHECK_OK(alkaid_reader_next(reader, &batch));
  do {
    CHECK_OK(alkaid_batch_next(batch, &dgram));
    CHECK(dgram != NULL);
  } while (alkaid_dgram_index(dgram) != index);
  alkaid_batch_release(batch);
  alkaid_reader_release(reader);
  return dgram;
}

/* Walks over the datagrams of a batch and keeps the third. */
static alkaid_dgram* walk(alkaid_batch* batch) {
  alkaid_dgram *dgram = NULL, *kept = NULL;
  int64_t count = 0, bytes = 0;
  while (1) {
    CHECK_OK(alkaid_batch_next(batch, &dgram));
    if (dgram == NULL) break;
    CHECK(alkaid_dgram_index(dgram) == count && alkaid_dgram_offset(dgram) == bytes);
    if (count == 2) {
      alkaid_dgram_retain(dgram);
      kept = dgram;
    }
    ++count;
    bytes += alkaid_dgram_size(dgram);
  }
  CHECK(count == alkaid_batch_count(batch) && bytes == alkaid_batch_size(batch));
  CHECK(kept != NULL && alkaid_dgram_index(kept) == 2);
  return kept;
}

static void check_dgram(const alkaid_dgram* dgram) {
  const uint8_t* payload = NULL;
  int64_t size = 0;
  alkaid_buffer* buffer = NULL;
  alkaid_configuration* configuration = NULL;
  alkaid_dgram *again = NULL, *copy = NULL;
  alkaid_pool* pool = NULL;

  CHECK(alkaid_dgram_timestamp(dgram) == (((uint64_t)1 << 32) | 2));
  CHECK(alkaid_dgram_service(dgram) == ALKAID_L1_ACCEPT && alkaid_dgram_damage(dgram) == 0);
  CHECK(strcmp(alkaid_service_name(alkaid_dgram_service(dgram)), "L1Accept") == 0);
  CHECK_OK(alkaid_dgram_payload(dgram, &payload, &size));
  CHECK(payload == alkaid_dgram_data(dgram) + 24 && size == alkaid_dgram_size(dgram) - 24);
  CHECK_OK(alkaid_dgram_buffer(dgram, &buffer));
  CHECK_OK(alkaid_dgram_configuration(dgram, &configuration));
  CHECK_OK(alkaid_dgram_from_buffer(buffer, 0, configuration, &again));
  CHECK(alkaid_dgram_data(again) == alkaid_dgram_data(dgram));
  CHECK_OK(alkaid_pool_create("system", &pool));
  CHECK_OK(alkaid_dgram_copy(dgram, pool, &copy));
  alkaid_pool_release(pool);
  CHECK(memcmp(alkaid_dgram_data(copy), alkaid_dgram_data(dgram),
               (size_t)alkaid_dgram_size(dgram)) == 0);
  alkaid_dgram_release(copy);
  alkaid_dgram_release(again);
  alkaid_configuration_release(configuration);
  alkaid_buffer_release(buffer);
}

static void check_declarations(const alkaid_dgram* dgram) {
  alkaid_configuration *configuration = NULL, *same = NULL;
  alkaid_field_declaration declaration = {0};
  alkaid_field_key* key = NULL;
  alkaid_field* field = NULL;

  CHECK_OK(alkaid_dgram_configuration(dgram, &configuration));
  CHECK(alkaid_configuration_field_count(configuration) == 6);
  declaration.struct_size = sizeof declaration;
  CHECK_OK(alkaid_configuration_get_field(configuration, 4, &declaration));
  CHECK(strcmp(declaration.detector, "det") == 0 && strcmp(declaration.name, "image") == 0);
  CHECK(strcmp(declaration.algorithm, "raw") == 0 && declaration.segment == 0);
  CHECK(declaration.type == ALKAID_UINT32 && declaration.rank == 2);
  CHECK(alkaid_configuration_get_field(configuration, 6, &declaration) == ALKAID_OUT_OF_RANGE);
  CHECK_OK(alkaid_configuration_find(configuration, "det", 0, "raw", "count", &key));
  CHECK_OK(alkaid_dgram_get_field(dgram, key, &field));
  alkaid_field_key_release(key);
  CHECK(alkaid_configuration_find(configuration, "det", 1, "raw", "count", &key) ==
            ALKAID_NOT_FOUND &&
        key == NULL);
  memset(&declaration, 0, sizeof declaration);
  declaration.struct_size = sizeof declaration;
  CHECK_OK(alkaid_field_get_declaration(field, &declaration));
  CHECK(strcmp(declaration.name, "count") == 0 && declaration.algorithm_version == 0x010203);
  alkaid_field_release(field);

  CHECK_OK(alkaid_configuration_find(configuration, "det", 0, "raw", "count", &key));
  alkaid_field_key_retain(key);
  alkaid_field_key_release(key);
  alkaid_field_key_release(key);
  CHECK_OK(alkaid_dgram_configuration(dgram, &same));
  CHECK(alkaid_configuration_equals(configuration, same) == 1);
  alkaid_configuration_retain(same);
  alkaid_configuration_release(same);
  alkaid_configuration_release(same);
  alkaid_configuration_release(configuration);
}

static void check_values(const alkaid_dgram* dgram) {
  alkaid_field *field = NULL, *image = NULL;
  alkaid_buffer* bytes = NULL;
  int64_t number = 0, size = 0;
  uint64_t natural = 0;
  double real = 0;
  const char* text = NULL;
  uint32_t element = 0;
  int count = 0;

  CHECK_OK(alkaid_dgram_find(dgram, "det", 0, "raw", "count", &field));
  CHECK_OK(alkaid_field_get_int64(field, &number));
  CHECK_OK(alkaid_field_get_uint64(field, &natural));
  CHECK_OK(alkaid_field_get_double(field, &real));
  CHECK(number == 2 && natural == 2 && real == 2.0);
  CHECK(strcmp(alkaid_type_name(alkaid_field_type(field)), "UINT16") == 0);
  CHECK(alkaid_type_size(alkaid_field_type(field)) == 2);
  alkaid_field_release(field);
  CHECK_OK(alkaid_dgram_find(dgram, "det", 0, "raw", "text", &field));
  CHECK_OK(alkaid_field_get_text(field, &text, &size));
  CHECK(size == 5 && memcmp(text, "hello", 5) == 0);
  alkaid_field_release(field);

  field = NULL;
  while (1) {
    CHECK_OK(alkaid_dgram_next_field(dgram, &field));
    if (field == NULL) break;
    if (alkaid_field_rank(field) == 2) {
      alkaid_field_retain(field);
      image = field;
    }
    ++count;
  }
  CHECK(count == 4 && image != NULL);
  CHECK(alkaid_field_dim(image, 0) == 2 && alkaid_field_dim(image, 1) == 3);
  CHECK(alkaid_field_count(image) == 6 && alkaid_field_size(image) == 24);
  CHECK_OK(alkaid_field_buffer(image, &bytes));
  CHECK(alkaid_buffer_data(bytes) == alkaid_field_data(image));
  alkaid_field_release(image);
  memcpy(&element, alkaid_buffer_data(bytes) + 20, 4);
  CHECK(element == 7);
  alkaid_buffer_release(bytes);
}

void check_datagrams(const char* folder) {
  char path[8192];
  alkaid_reader *reader = NULL, *over = NULL;
  alkaid_reader_options options = {0};
  alkaid_batch *batch = NULL, *more = NULL;
  alkaid_buffer* buffer = NULL;
  alkaid_configuration* configuration = NULL;
  alkaid_dgram* dgram;

  path_of(path, sizeof path, folder, "stream0.xtc2");
  options.struct_size = sizeof options;
  options.batch_bytes = 1 << 20;
  options.on_fault = ALKAID_ON_FAULT_RESYNC;
  options.on_skip = never_called;
  CHECK_OK(alkaid_reader_open(path, &options, &reader));
  alkaid_reader_retain(reader);
  alkaid_reader_release(reader);
  CHECK_OK(alkaid_reader_next(reader, &batch));
  CHECK(alkaid_batch_count(batch) == 8);
  CHECK_OK(alkaid_batch_buffer(batch, &buffer));
  CHECK_OK(alkaid_batch_configuration(batch, &configuration));
  CHECK(configuration != NULL);
  CHECK_OK(alkaid_reader_next(reader, &more));
  CHECK(more == NULL);
  alkaid_reader_release(reader);

  CHECK_OK(alkaid_reader_open_buffer(buffer, NULL, &over));
  CHECK_OK(alkaid_reader_next(over, &more));
  CHECK(alkaid_batch_size(more) == alkaid_buffer_size(buffer));
  alkaid_batch_retain(more);
  alkaid_batch_release(more);
  alkaid_batch_release(more);
  alkaid_reader_release(over);

  dgram = walk(batch);
  alkaid_batch_release(batch);
  alkaid_buffer_release(buffer);
  alkaid_configuration_release(configuration);
  /* Everything that it came from has been released. */
  check_dgram(dgram);
  check_declarations(dgram);
  check_values(dgram);
  alkaid_dgram_release(dgram);

  CHECK(alkaid_reader_open("/nowhere/file.xtc2", NULL, &reader) == ALKAID_NOT_FOUND);
  CHECK(reader == NULL && strstr(alkaid_last_error(), "/nowhere/file.xtc2") != NULL);
}

static void read_events(alkaid_events* events, int64_t bytes_of_last) {
  alkaid_event *event = NULL, *last = NULL;
  alkaid_dgram* dgram = NULL;
  int64_t count = 0, both = 0;
  while (1) {
    CHECK_OK(alkaid_events_next(events, &event));
    if (event == NULL) break;
    CHECK(alkaid_event_index(event) == count && alkaid_event_stream_count(event) == 2);
    CHECK_OK(alkaid_event_dgram(event, 1, &dgram));
    if (alkaid_event_service(event) == ALKAID_L1_ACCEPT) {
      both += dgram != NULL;
      alkaid_event_release(last);
      alkaid_event_retain(event);
      last = event;
    }
    alkaid_dgram_release(dgram);
    alkaid_event_release(event);
    ++count;
  }
  CHECK(alkaid_event_timestamp(last) == (((uint64_t)1 << 32) | 6));
  CHECK_OK(alkaid_event_dgram(last, 0, &dgram));
  alkaid_events_retain(events);
  alkaid_events_release(events);
  alkaid_events_release(events);
  alkaid_event_release(last);
  CHECK(alkaid_dgram_size(dgram) == bytes_of_last);
  alkaid_dgram_release(dgram);
}

void check_events(const char* folder) {
  char small[2][8192], big[2][8192];
  const char *small_paths[2], *big_paths[2];
  alkaid_events_options options = {0};
  alkaid_events* events = NULL;
  alkaid_dgram* event = datagram_of(folder, "stream0.xtc2", 6);
  const int64_t bytes = alkaid_dgram_size(event);
  int i;

  alkaid_dgram_release(event);
  for (i = 0; i < 2; ++i) {
    path_of(small[i], sizeof small[i], folder, i == 0 ? "stream0.smd.xtc2" : "stream1.smd.xtc2");
    path_of(big[i], sizeof big[i], folder, i == 0 ? "stream0.xtc2" : "stream1.xtc2");
    small_paths[i] = small[i];
    big_paths[i] = big[i];
  }
  CHECK_OK(alkaid_events_open(small_paths, NULL, 2, NULL, &events));
  read_events(events, 76);
  options.struct_size = sizeof options;
  options.batch_size = 3;
  options.prefetch = 1;
  CHECK_OK(alkaid_pool_create("system", &options.pool));
  CHECK_OK(alkaid_events_open(small_paths, big_paths, 2, &options, &events));
  alkaid_pool_release(options.pool);
  read_events(events, bytes);
}
