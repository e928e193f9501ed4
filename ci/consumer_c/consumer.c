/* A program in C as a user would write it: exits 0 when the installed library serves it. */
#include <alkaid/c/alkaid.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  alkaid_pool* pool = NULL;
  alkaid_buffer *buffer = NULL, *slice = NULL;
  int failed;

  failed = alkaid_c_abi() != ALKAID_C_ABI || alkaid_pool_default(&pool) != ALKAID_OK ||
           alkaid_buffer_allocate(11, 0, pool, &buffer) != ALKAID_OK ||
           alkaid_buffer_slice(buffer, 6, 5, &slice) != ALKAID_OK;
  if (!failed) {
    memcpy(alkaid_buffer_mutable_data(buffer), "hello world", 11);
    failed = memcmp(alkaid_buffer_data(slice), "world", 5) != 0;
    printf("alkaid %s in C, backend %s\n", alkaid_version(), alkaid_pool_backend_name(pool));
  }
  if (failed) fprintf(stderr, "%s\n", alkaid_last_error());
  alkaid_buffer_release(buffer);
  alkaid_buffer_release(slice);
  alkaid_pool_release(pool);
  return failed;
}
