#include "alkaid/interop/arrow_import.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/interop/arrow_layout_internal.h"
#include "alkaid/interop/device_lookup_internal.h"

namespace alkaid::interop {
namespace {

using Kind = ArrowLayout::Kind;
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The metadata has no known end: its own lengths must be trusted.
Result<Metadata> Decode(const char* data) {
  Metadata metadata;
  if (data == nullptr) return metadata;
  const auto number = [&data] {
    int32_t value;
    std::memcpy(&value, data, sizeof(value));
    data += sizeof(value);
    return value;
  };
  const auto text = [&](std::string* out) {
    const int32_t size = number();
    if (size < 0) return false;
    out->assign(data, static_cast<size_t>(size));
    data += size;
    return true;
  };
  for (int32_t left = number(); left != 0; --left) {
    auto& [key, value] = metadata.emplace_back();
    if (left < 0 || !text(&key) || !text(&value)) {
      return status::Invalid("an Arrow schema with metadata of negative length");
    }
  }
  return metadata;
}

Result<Field> Read(const ArrowSchema& schema, int depth) {  // NOLINT(misc-no-recursion)
  if (schema.release == nullptr || schema.format == nullptr) {
    return status::Invalid("an Arrow schema that is released, or has no format");
  }
  if (depth > kMaxArrowDepth) {
    return status::Invalid("an Arrow schema of more than ", kMaxArrowDepth, " nested fields");
  }
  if (schema.dictionary != nullptr) {
    return status::NotImplemented("Arrow arrays with dictionaries are not supported");
  }
  if (schema.n_children < 0 || (schema.n_children > 0 && schema.children == nullptr)) {
    return status::Invalid("an Arrow schema of ", schema.n_children, " children that has none");
  }
  Field field;
  field.format = schema.format;
  if (schema.name != nullptr) field.name = schema.name;
  field.nullable = (schema.flags & ARROW_FLAG_NULLABLE) != 0;
  ALKAID_RETURN_NOT_OK(ArrowLayout::Of(field.format));
  ALKAID_ASSIGN_OR_RAISE(field.metadata, Decode(schema.metadata));
  for (int64_t i = 0; i < schema.n_children; ++i) {
    if (schema.children[i] == nullptr)
      return status::Invalid("an Arrow schema whose child is null");
    ALKAID_ASSIGN_OR_RAISE(Field child, Read(*schema.children[i], depth + 1));
    field.children.push_back(std::move(child));
  }
  return field;
}

// The imported structure: moved here once nothing can fail any more.
struct Moved {
  Moved() = default;
  Moved(const Moved&) = delete;
  Moved& operator=(const Moved&) = delete;
  ~Moved() {
    if (array.release != nullptr) array.release(&array);
  }
  ArrowArray array{};
};

class Importer {
 public:
  explicit Importer(std::shared_ptr<MemoryManager> manager)
      : manager_(std::move(manager)), moved_(std::make_shared<Moved>()) {}

  Result<ArrayData> Import(ArrowArray* array, const Field& field) {
    ALKAID_ASSIGN_OR_RAISE(ArrayData data, Read(*array, field, 0));
    ALKAID_RETURN_NOT_OK(Validate(field, data));
    moved_->array = *array;
    array->release = nullptr;
    return data;
  }

 private:
  Result<ArrayData> Read(const ArrowArray& array, const Field& field,  // NOLINT(misc-no-recursion)
                         int depth) {
    ALKAID_ASSIGN_OR_RAISE(const ArrowLayout layout, ArrowLayout::Of(field.format));
    ALKAID_RETURN_NOT_OK(Check(array, field, layout, depth));
    ArrayData data;
    data.length = array.length;
    data.null_count = array.null_count;
    data.offset = array.offset;
    ALKAID_RETURN_NOT_OK(ReadBuffers(array, layout, &data));
    for (size_t i = 0; i < field.children.size(); ++i) {
      ALKAID_ASSIGN_OR_RAISE(ArrayData child,
                             Read(*array.children[i], field.children[i], depth + 1));
      data.children.push_back(std::move(child));
    }
    return data;
  }

  static Status Check(const ArrowArray& array, const Field& field, const ArrowLayout& layout,
                      int depth) {
    if (array.release == nullptr) return status::Invalid("an Arrow array that is released");
    if (depth > kMaxArrowDepth) {
      return status::Invalid("an Arrow array of more than ", kMaxArrowDepth, " nested arrays");
    }
    if (array.dictionary != nullptr) {
      return status::NotImplemented("Arrow arrays with dictionaries are not supported");
    }
    if (array.n_children != static_cast<int64_t>(field.children.size()) ||
        (array.n_children > 0 && array.children == nullptr)) {
      return status::Invalid("an Arrow array of ", array.n_children, " children, and its type has ",
                             field.children.size());
    }
    for (int64_t i = 0; i < array.n_children; ++i) {
      if (array.children[i] == nullptr)
        return status::Invalid("an Arrow array whose child is null");
    }
    // Views have one more buffer than their text: its sizes.
    const bool has_views = layout.kind == Kind::kView;
    const int64_t least = layout.buffers() + (has_views ? 1 : 0);
    if (array.n_buffers < least || (array.n_buffers > least && !has_views) ||
        array.n_buffers > INT32_MAX || (array.n_buffers > 0 && array.buffers == nullptr)) {
      return status::Invalid("an Arrow array of format \"", field.format, "\" with ",
                             array.n_buffers, " buffers instead of ", least);
    }
    int64_t end;
    if (array.length < 0 || array.offset < 0 || AddOverflow(array.length, array.offset, &end) ||
        end == INT64_MAX) {
      return status::Invalid("an Arrow array of ", array.length, " elements from ", array.offset,
                             " on");
    }
    return absl::OkStatus();
  }

  // An empty array may have an empty buffer of offsets.
  static int64_t OffsetCount(const ArrowArray& array) {
    return array.length == 0 ? 0 : array.offset + array.length + 1;
  }

  // Adds a buffer of `count` elements of `bits` each; a missing one is null.
  Status Add(const void* data, int64_t count, int64_t bits, ArrayData* out) {
    int64_t size;
    if (MultiplyOverflow(count, bits, &size) || size > INT64_MAX - 7) {
      return status::Invalid("an Arrow array of ", count, " elements of ", bits, " bits");
    }
    if (data == nullptr) {
      out->buffers.push_back(nullptr);
      return absl::OkStatus();
    }
    ALKAID_ASSIGN_OR_RAISE(auto buffer,
                           ForeignBuffer::Make(data, (size + 7) / 8, moved_, manager_));
    out->buffers.push_back(std::move(buffer));
    return absl::OkStatus();
  }

  // The last offset: the number of bytes of text.
  static Result<int64_t> LastOffset(const ArrayData& data, int64_t end, int64_t width) {
    const auto& offsets = data.buffers[1];
    if (offsets == nullptr || offsets->size() == 0) return 0;
    int32_t narrow = 0;
    int64_t last = 0;
    uint8_t* const out = reinterpret_cast<uint8_t*>(&last);
    ALKAID_RETURN_NOT_OK(MemoryManager::CopyBufferSliceToCPU(
        offsets, end * width, width, width == 4 ? reinterpret_cast<uint8_t*>(&narrow) : out));
    if (width == 4) last = narrow;
    if (last >= 0) return last;
    return status::Invalid("an Arrow array whose last offset is ", last);
  }

  Status ReadBuffers(const ArrowArray& array, const ArrowLayout& layout, ArrayData* out) {
    const int64_t end = array.offset + array.length;
    if (layout.has_validity()) ALKAID_RETURN_NOT_OK(Add(array.buffers[0], end, 1, out));
    switch (layout.kind) {
      case Kind::kNull:
      case Kind::kStruct:
      case Kind::kFixedSizeList:
        return absl::OkStatus();
      case Kind::kBoolean:
        return Add(array.buffers[1], end, 1, out);
      case Kind::kFixedWidth:
        return Add(array.buffers[1], end, 8 * layout.width, out);
      case Kind::kList:
        return Add(array.buffers[1], OffsetCount(array), 8 * layout.width, out);
      case Kind::kVariable: {
        ALKAID_RETURN_NOT_OK(Add(array.buffers[1], OffsetCount(array), 8 * layout.width, out));
        ALKAID_ASSIGN_OR_RAISE(const int64_t bytes, LastOffset(*out, end, layout.width));
        return Add(array.buffers[2], bytes, 8, out);
      }
      case Kind::kListView:
        ALKAID_RETURN_NOT_OK(Add(array.buffers[1], end, 8 * layout.width, out));
        return Add(array.buffers[2], end, 8 * layout.width, out);
      case Kind::kView:
        ALKAID_RETURN_NOT_OK(Add(array.buffers[1], end, 128, out));
        return ReadText(array, out);
    }
    return absl::OkStatus();
  }

  Status ReadText(const ArrowArray& array, ArrayData* out) {
    const int64_t count = array.n_buffers - 3;
    const void* const sizes = array.buffers[array.n_buffers - 1];
    if (count == 0) return absl::OkStatus();
    if (sizes == nullptr) return status::Invalid("an Arrow array of views without sizes");
    if (manager_ != nullptr && !manager_->is_cpu()) {
      return status::NotImplemented("views of text on ", manager_->device()->ToString());
    }
    for (int64_t i = 0; i < count; ++i) {
      int64_t size;
      std::memcpy(&size, static_cast<const char*>(sizes) + i * 8, sizeof(size));
      if (size < 0) return status::Invalid("an Arrow array with a buffer of ", size, " bytes");
      ALKAID_RETURN_NOT_OK(Add(array.buffers[i + 2], size, 8, out));
    }
    return absl::OkStatus();
  }

  std::shared_ptr<MemoryManager> manager_;
  std::shared_ptr<Moved> moved_;
};

}  // namespace

Result<Field> ImportField(ArrowSchema* schema) try {
  if (schema == nullptr) return status::Invalid("an Arrow schema that is null");
  ALKAID_ASSIGN_OR_RAISE(Field field, Read(*schema, 0));
  schema->release(schema);
  return field;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<ArrayData> ImportArray(ArrowArray* array, const Field& field) try {
  if (array == nullptr) return status::Invalid("an Arrow array that is null");
  return Importer(nullptr).Import(array, field);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<ArrayData> ImportDeviceArray(ArrowDeviceArray* array, const Field& field) try {
  if (array == nullptr) return status::Invalid("an Arrow array that is null");
  ALKAID_ASSIGN_OR_RAISE(auto manager, FindMemoryManager(array->device_type, array->device_id));
  if (array->sync_event != nullptr) {
    std::shared_ptr<Device::SyncEvent> event;
    if (manager != nullptr) {
      ALKAID_ASSIGN_OR_RAISE(event, manager->WrapDeviceSyncEvent(array->sync_event, [](void*) {}));
    }
    if (event == nullptr) {
      return status::NotImplemented("an event to wait for on a device of type ",
                                    array->device_type);
    }
    ALKAID_RETURN_NOT_OK(event->Wait());
  }
  return Importer(std::move(manager)).Import(&array->array, field);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::interop
