#include "alkaid/interop/arrow_c.h"

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

// What an exported structure owns, with those of its children that no consumer has moved away. Two
// structures of a kind: Schema is ArrowSchema or ArrowArray.
template <typename Structure>
struct Children {
  Children() = default;
  explicit Children(size_t count) : structures(count), pointers(count) {
    for (size_t i = 0; i < count; ++i) pointers[i] = &structures[i];
  }
  Children(Children&&) noexcept = default;
  Children& operator=(Children&&) noexcept = default;
  ~Children() {
    for (Structure& child : structures) {
      if (child.release != nullptr) child.release(&child);
    }
  }

  void PutInto(Structure* out) {
    out->n_children = static_cast<int64_t>(pointers.size());
    out->children = pointers.empty() ? nullptr : pointers.data();
  }

  std::vector<Structure> structures;
  std::vector<Structure*> pointers;
};

template <typename Export, typename Structure>
void Own(std::unique_ptr<Export> owned, Structure* out) {
  out->private_data = owned.release();
  out->release = [](Structure* self) {
    delete static_cast<Export*>(self->private_data);
    self->release = nullptr;
  };
}

// Types.

void AppendText(const std::string& text, std::string* out) {
  const auto size = static_cast<int32_t>(text.size());
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  out->append(text);
}

// The specification's form: a count, and for each pair two texts with their lengths in front.
std::string Encode(const Metadata& metadata) {
  std::string out;
  if (metadata.empty()) return out;
  const auto count = static_cast<int32_t>(metadata.size());
  out.append(reinterpret_cast<const char*>(&count), sizeof(count));
  for (const auto& [key, value] : metadata) {
    AppendText(key, &out);
    AppendText(value, &out);
  }
  return out;
}

// Its end is not known: what it says of lengths is all there is.
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

struct FieldExport {
  std::string format;
  std::string name;
  std::string metadata;
  Children<ArrowSchema> children;
};

constexpr int kMaxDepth = 64;  // fields in one another

Status Export(const Field& field, int depth, ArrowSchema* out) {  // NOLINT(misc-no-recursion)
  ALKAID_RETURN_NOT_OK(ArrowLayout::Of(field.format));
  if (depth > kMaxDepth) {
    return status::Invalid("an Arrow schema of more than ", kMaxDepth, " fields in one another");
  }
  auto owned = std::make_unique<FieldExport>();
  owned->format = field.format;
  owned->name = field.name;
  owned->metadata = Encode(field.metadata);
  if (field.name.find('\0') != std::string::npos) {
    return status::Invalid("an Arrow column whose name has a zero byte after \"",
                           field.name.c_str(), "\"");
  }
  owned->children = Children<ArrowSchema>(field.children.size());
  for (size_t i = 0; i < field.children.size(); ++i) {
    ALKAID_RETURN_NOT_OK(Export(field.children[i], depth + 1, owned->children.pointers[i]));
  }
  *out = {};
  out->format = owned->format.c_str();
  out->name = owned->name.c_str();
  out->metadata = owned->metadata.empty() ? nullptr : owned->metadata.data();
  out->flags = field.nullable ? ARROW_FLAG_NULLABLE : 0;
  owned->children.PutInto(out);
  Own(std::move(owned), out);
  return absl::OkStatus();
}

Result<Field> Read(const ArrowSchema& schema, int depth) {  // NOLINT(misc-no-recursion)
  if (schema.release == nullptr || schema.format == nullptr) {
    return status::Invalid("an Arrow schema that is released, or has no format");
  }
  if (depth > kMaxDepth) {
    return status::Invalid("an Arrow schema of more than ", kMaxDepth, " fields in one another");
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

// Arrays.

struct ArrayExport {
  std::vector<std::shared_ptr<Buffer>> buffers;
  std::vector<const void*> pointers;
  std::vector<int64_t> text_sizes;  // of the buffers that views point into
  std::shared_ptr<Device::SyncEvent> event;
  Children<ArrowArray> children;
};

// Of one that is valid.
void Export(const Field& field, const ArrayData& array,  // NOLINT(misc-no-recursion)
            ArrowArray* out) {
  auto owned = std::make_unique<ArrayExport>();
  owned->buffers = array.buffers;
  for (const auto& buffer : array.buffers) {
    owned->pointers.push_back(buffer == nullptr ? nullptr
                                                : reinterpret_cast<const void*>(buffer->address()));
  }
  if (ArrowLayout::Of(field.format)->kind == Kind::kView) {
    for (size_t i = 2; i < array.buffers.size(); ++i) {
      owned->text_sizes.push_back(array.buffers[i] == nullptr ? 0 : array.buffers[i]->size());
    }
    owned->pointers.push_back(owned->text_sizes.data());
  }
  owned->children = Children<ArrowArray>(array.children.size());
  for (size_t i = 0; i < array.children.size(); ++i) {
    Export(field.children[i], array.children[i], owned->children.pointers[i]);
  }
  *out = {};
  out->length = array.length;
  out->null_count = array.null_count;
  out->offset = array.offset;
  out->n_buffers = static_cast<int64_t>(owned->pointers.size());
  out->buffers = owned->pointers.data();
  owned->children.PutInto(out);
  Own(std::move(owned), out);
}

template <typename Do>
Status ForEachBuffer(const ArrayData& array, const Do& act) {  // NOLINT(misc-no-recursion)
  for (const auto& buffer : array.buffers) {
    if (buffer != nullptr) ALKAID_RETURN_NOT_OK(act(*buffer));
  }
  for (const ArrayData& child : array.children) ALKAID_RETURN_NOT_OK(ForEachBuffer(child, act));
  return absl::OkStatus();
}

// Where the buffers of an array are, and what is pending on them.
struct Place {
  const Buffer* first = nullptr;
  std::shared_ptr<Device::SyncEvent> event;

  // A consumer waits for one event. Where there are several, this does, for all but the last.
  Status Add(const Buffer& buffer) {
    if (first == nullptr) first = &buffer;
    if (!buffer.device()->Equals(*first->device())) {
      return status::Invalid("an Arrow array on ", first->device()->ToString(), " and on ",
                             buffer.device()->ToString());
    }
    auto pending = buffer.device_sync_event();
    if (pending == nullptr || pending == event) return absl::OkStatus();
    if (event != nullptr) ALKAID_RETURN_NOT_OK(event->Wait());
    event = std::move(pending);
    return absl::OkStatus();
  }
};

// What is imported: moved here when nothing can fail any more.
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
    if (depth > kMaxDepth) {
      return status::Invalid("an Arrow array of more than ", kMaxDepth, " arrays in one another");
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
    // Views have one more than their text: its sizes.
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

  // An array of nothing may have an empty buffer of offsets.
  static int64_t OffsetCount(const ArrowArray& array) {
    return array.length == 0 ? 0 : array.offset + array.length + 1;
  }

  // `count` elements of so many bits; a missing buffer is null.
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

  // The last of the offsets: as many bytes of text are there.
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

Status ExportField(const Field& field, ArrowSchema* out) try {
  if (out == nullptr) return status::Invalid("an Arrow schema that is null");
  return Export(field, 0, out);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status ExportArray(const Field& field, const ArrayData& array, ArrowArray* out) try {
  if (out == nullptr) return status::Invalid("an Arrow array that is null");
  ALKAID_RETURN_NOT_OK(Validate(field, array));
  ALKAID_RETURN_NOT_OK(ForEachBuffer(array, [](const Buffer& buffer) -> Status {
    if (!buffer.is_cpu()) {
      return status::Invalid("an Arrow array in the memory of ", buffer.device()->ToString(),
                             " is exported as one of a device, or copied");
    }
    const auto event = buffer.device_sync_event();
    return event == nullptr ? absl::OkStatus() : event->Wait();
  }));
  Export(field, array, out);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status ExportDeviceArray(const Field& field, const ArrayData& array, ArrowDeviceArray* out) try {
  if (out == nullptr) return status::Invalid("an Arrow array that is null");
  ALKAID_RETURN_NOT_OK(Validate(field, array));
  Place place;
  ALKAID_RETURN_NOT_OK(
      ForEachBuffer(array, [&place](const Buffer& buffer) { return place.Add(buffer); }));
  ArrowDeviceArray made{};
  made.device_type = ARROW_DEVICE_CPU;
  made.device_id = -1;
  if (place.first != nullptr) {
    made.device_type = static_cast<ArrowDeviceType>(place.first->device_type());
    made.device_id = DeviceIdOf(*place.first, -1);
  }
  Export(field, array, &made.array);
  if (place.event != nullptr) {
    made.sync_event = place.event->get_raw();
    static_cast<ArrayExport*>(made.array.private_data)->event = std::move(place.event);
  }
  *out = made;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

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
