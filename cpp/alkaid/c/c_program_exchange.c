/* Exports, in C, and what a consumer of them does: a part of c_program_test.c. */
#include <string.h>

#include "alkaid/c/c_program_check.h"

/* As in DLPack 1.x and Arrow's C data interface. */
typedef struct {
  void* data;
  struct {
    int32_t device_type, device_id;
  } device;
  int32_t ndim;
  struct {
    uint8_t code, bits;
    uint16_t lanes;
  } dtype;
  int64_t *shape, *strides;
  uint64_t byte_offset;
} Tensor;
struct DLManagedTensorVersioned {
  struct {
    uint32_t major, minor;
  } version;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned* self);
  uint64_t flags;
  Tensor dl_tensor;
};
struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  struct ArrowSchema **children, *dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  struct ArrowArray **children, *dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};

static void check_buffer(void) {
  static const char bytes[] = "bytes";
  alkaid_buffer* buffer = NULL;
  struct DLManagedTensorVersioned* tensor = NULL;
  struct ArrowSchema schema;
  struct ArrowArray array;

  CHECK_OK(alkaid_buffer_from_foreign(bytes, 5, NULL, NULL, &buffer));
  CHECK_OK(alkaid_buffer_to_dlpack(buffer, ALKAID_COPY_NEVER, &tensor));
  CHECK_OK(alkaid_buffer_to_arrow(buffer, ALKAID_COPY_NEVER, &schema, &array));
  alkaid_buffer_release(buffer);
  CHECK(tensor->version.major == 1 && tensor->dl_tensor.data == (const void*)bytes);
  CHECK(tensor->dl_tensor.ndim == 1 && tensor->dl_tensor.shape[0] == 5);
  tensor->deleter(tensor);
  CHECK(strcmp(schema.format, "C") == 0 && array.length == 5 && array.n_buffers == 2);
  CHECK(array.buffers[1] == (const void*)bytes);
  schema.release(&schema);
  array.release(&array);
}

void check_exchange(const char* folder) {
  alkaid_dgram* dgram = datagram_of(folder, "stream0.xtc2", 3);
  alkaid_field* field = NULL;
  struct DLManagedTensorVersioned* tensor = NULL;
  struct ArrowSchema schema;
  struct ArrowArray array;
  uint32_t element = 0;

  check_buffer();
  CHECK_OK(alkaid_dgram_find(dgram, "det", 0, "raw", "image", &field));
  alkaid_dgram_release(dgram);
  CHECK_OK(alkaid_field_to_dlpack(field, ALKAID_COPY_IF_NEEDED, &tensor));
  CHECK_OK(alkaid_field_to_arrow(field, ALKAID_COPY_ALWAYS, &schema, &array));
  alkaid_field_release(field);
  CHECK(tensor->dl_tensor.ndim == 2 && tensor->dl_tensor.dtype.bits == 32);
  CHECK(tensor->dl_tensor.shape[0] == 2 && tensor->dl_tensor.strides[0] == 3);
  memcpy(&element, (const char*)tensor->dl_tensor.data + 20, 4);
  CHECK(element == 8);
  tensor->deleter(tensor);
  CHECK(strcmp(schema.format, "+w:3") == 0 && strcmp(schema.name, "image") == 0);
  CHECK(array.length == 2 && array.children[0]->length == 6);
  memcpy(&element, (const char*)array.children[0]->buffers[1] + 20, 4);
  CHECK(element == 8);
  schema.release(&schema);
  array.release(&array);
}
