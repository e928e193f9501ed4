#include "alkaid/interop/arrow_export.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/interop/arrow_layout_internal.h"
#include "alkaid/interop/device_lookup_internal.h"

namespace alkaid::interop {
namespace {

using Kind = ArrowLayout::Kind;
using Metadata = std::vector<std::pair<std::string, std::string>>;

// What an exported structure owns, including the children that no consumer has moved away. For both
// kinds: Schema is ArrowSchema or ArrowArray.
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

void AppendText(const std::string& text, std::string* out) {
  const auto size = static_cast<int32_t>(text.size());
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  out->append(text);
}

// The specification's form: a count, and for each pair two texts, each preceded by its length.
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

struct FieldExport {
  std::string format;
  std::string name;
  std::string metadata;
  Children<ArrowSchema> children;
};

Status Export(const Field& field, int depth, ArrowSchema* out) {  // NOLINT(misc-no-recursion)
  ALKAID_RETURN_NOT_OK(ArrowLayout::Of(field.format));
  if (depth > kMaxArrowDepth) {
    return status::Invalid("an Arrow schema of more than ", kMaxArrowDepth, " nested fields");
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

struct ArrayExport {
  std::vector<std::shared_ptr<Buffer>> buffers;
  std::vector<const void*> pointers;
  std::vector<int64_t> text_sizes;  // of the buffers that views point into
  std::shared_ptr<Device::SyncEvent> event;
  Children<ArrowArray> children;
};

// Exports an array that is valid.
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

// Where an array's buffers are, and their pending work.
struct Place {
  const Buffer* first = nullptr;
  std::shared_ptr<Device::SyncEvent> event;

  // A consumer waits for one event. If there are several, this waits for all but the last.
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

}  // namespace alkaid::interop
