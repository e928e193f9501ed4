/* A program in C that calls every function of the C interface. Compiled by the C compiler as C99,
   with -pedantic and every warning an error. CInterface.IsThatOfTheDump fails if a function is
   missing here. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <unistd.h>

#include "alkaid/c/c_program_check.h"

static void check_errors(void) {
  CHECK(strcmp(alkaid_last_error(), "") == 0);
  CHECK(alkaid_buffer_slice(NULL, 0, 1, NULL) == ALKAID_INVALID);
  CHECK(strcmp(alkaid_last_error(), "alkaid_buffer_slice: argument 'buffer' is NULL") == 0);
  alkaid_clear_error();
  CHECK(strcmp(alkaid_last_error(), "") == 0);
  CHECK(strcmp(alkaid_status_name(ALKAID_OUT_OF_MEMORY), "OUT_OF_MEMORY") == 0);
  CHECK(alkaid_c_abi() == ALKAID_C_ABI);
  CHECK(strlen(alkaid_version()) >= 5);
}

static void check_pools(void) {
  alkaid_strings* names = NULL;
  alkaid_pool *base = NULL, *proxy = NULL, *capped = NULL, *quota = NULL, *shared = NULL;
  alkaid_pool_figures figures = {0};
  void* block = NULL;
  uint32_t outer = 0;

  CHECK_OK(alkaid_pool_backends(&names));
  CHECK(alkaid_strings_count(names) >= 1);
  CHECK(strcmp(alkaid_strings_get(names, alkaid_strings_count(names) - 1), "system") == 0);
  alkaid_strings_release(names);

  CHECK_OK(alkaid_pool_default(&shared));
  CHECK(alkaid_pool_backend_name(shared) != NULL);
  CHECK_OK(alkaid_pool_create("system", &base));
  CHECK_OK(alkaid_pool_proxy(base, &proxy));
  CHECK_OK(alkaid_pool_capped(proxy, 1000, &capped));
  CHECK_OK(alkaid_pool_quota(capped, 800, &quota));
  /* Each keeps the pool below it alive. */
  alkaid_pool_release(base);
  alkaid_pool_release(capped);

  CHECK_OK(alkaid_pool_allocate(quota, 500, 0, &block));
  memset(block, 7, 500);
  CHECK_OK(alkaid_pool_reallocate(quota, 500, 700, 0, &block));
  CHECK(((const char*)block)[499] == 7);
  figures.struct_size = sizeof figures;
  CHECK_OK(alkaid_pool_get_figures(proxy, &figures));
  CHECK(figures.bytes_allocated == 700 && figures.num_allocations == 2);
  CHECK(figures.max_memory == 700 && figures.total_bytes_allocated == 700);
  {
    void* none = NULL;
    CHECK(alkaid_pool_allocate(quota, 200, 0, &none) == ALKAID_OUT_OF_MEMORY);
    CHECK(none == NULL && strstr(alkaid_last_error(), "800") != NULL);
  }
  CHECK_OK(alkaid_pool_free(quota, block, 700, 0));
  CHECK_OK(alkaid_pool_release_unused(quota));

  alkaid_pool_retain(quota);
  alkaid_pool_release(quota);
  alkaid_pool_release(quota);
  alkaid_pool_release(proxy);
  alkaid_pool_release(shared);
  alkaid_pool_release(NULL);

  CHECK_OK(alkaid_label_push("c.program", &outer));
  CHECK(strcmp(alkaid_label_current(), "c.program") == 0);
  CHECK_OK(alkaid_label_pop(outer));
  CHECK(strcmp(alkaid_label_current(), "") == 0);
}

static int released = 0;
static void count_release(void* context) { released += *(int*)context; }

static void check_buffers(void) {
  static char bytes[64] = "bytes of the program";
  static int one = 1;
  alkaid_pool* pool = NULL;
  alkaid_buffer *buffer = NULL, *slice = NULL, *part = NULL, *copy = NULL, *parent = NULL;

  CHECK_OK(alkaid_pool_create(NULL, &pool));
  CHECK_OK(alkaid_buffer_allocate(100, 128, pool, &buffer));
  /* The buffer keeps the pool alive. */
  alkaid_pool_release(pool);
  CHECK(alkaid_buffer_address(buffer) % 128 == 0);
  CHECK(alkaid_buffer_is_mutable(buffer) == 1 && alkaid_buffer_is_cpu(buffer) == 1);
  memset(alkaid_buffer_mutable_data(buffer), 'x', 100);
  CHECK_OK(alkaid_buffer_slice_mutable(buffer, 10, 20, &slice));
  memset(alkaid_buffer_mutable_data(slice), 'y', 20);
  CHECK_OK(alkaid_buffer_slice(slice, 5, 10, &part));
  CHECK(alkaid_buffer_mutable_data(part) == NULL);
  CHECK(alkaid_buffer_data(part) == alkaid_buffer_data(buffer) + 15);
  CHECK_OK(alkaid_buffer_parent(part, &parent));
  CHECK(alkaid_buffer_equals(parent, buffer) == 1);
  alkaid_buffer_release(parent);
  CHECK(alkaid_buffer_root_capacity(part) == alkaid_buffer_capacity(buffer));
  CHECK_OK(alkaid_buffer_copy(buffer, 15, 10, NULL, &copy));
  CHECK(alkaid_buffer_equals(copy, part) == 1 && alkaid_buffer_equals(copy, buffer) == 0);
  CHECK(alkaid_buffer_slice(buffer, 90, 11, &parent) == ALKAID_OUT_OF_RANGE && parent == NULL);
  alkaid_buffer_release(slice);
  alkaid_buffer_release(buffer);
  CHECK(alkaid_buffer_data(part)[9] == 'y');
  alkaid_buffer_release(part);
  alkaid_buffer_release(copy);

  CHECK_OK(alkaid_buffer_allocate_resizable(10, 0, NULL, &buffer));
  alkaid_buffer_mutable_data(buffer)[9] = 'z';
  CHECK_OK(alkaid_buffer_reserve(buffer, 5000));
  CHECK(alkaid_buffer_capacity(buffer) >= 5000 && alkaid_buffer_size(buffer) == 10);
  CHECK_OK(alkaid_buffer_resize(buffer, 4000));
  CHECK(alkaid_buffer_data(buffer)[9] == 'z' && alkaid_buffer_size(buffer) == 4000);
  alkaid_buffer_release(buffer);

  CHECK_OK(alkaid_buffer_from_foreign(bytes, 20, count_release, &one, &buffer));
  CHECK(alkaid_buffer_resize(buffer, 30) == ALKAID_INVALID);
  CHECK_OK(alkaid_buffer_slice(buffer, 0, 5, &slice));
  alkaid_buffer_retain(slice);
  alkaid_buffer_release(buffer);
  alkaid_buffer_release(slice);
  CHECK(released == 0);
  alkaid_buffer_release(slice);
  CHECK(released == 1);
  CHECK_OK(alkaid_buffer_from_foreign_mutable(bytes, 20, NULL, NULL, &buffer));
  CHECK(alkaid_buffer_mutable_data(buffer) == (uint8_t*)bytes);
  alkaid_buffer_release(buffer);
}

int main(void) {
  static const char* const files[] = {"stream0.smd.xtc2", "stream0.xtc2", "stream1.smd.xtc2",
                                      "stream1.xtc2"};
  const char* temporary = getenv("TMPDIR");
  char folder[4096];
  size_t i;

  check_errors();
  check_pools();
  check_buffers();
  snprintf(folder, sizeof folder, "%s/alkaid_c_XXXXXX", temporary != NULL ? temporary : "/tmp");
  CHECK(mkdtemp(folder) != NULL);
  write_run_files(folder);
  check_datagrams(folder);
  check_events(folder);
  check_exchange(folder);
  for (i = 0; i < sizeof files / sizeof *files; ++i) {
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    CHECK(remove(path) == 0);
  }
  CHECK(rmdir(folder) == 0);
  return 0;
}
