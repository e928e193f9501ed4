#include "alkaid/interop/arrow_stream.h"

#include <cerrno>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "alkaid/interop/arrow_export.h"
#include "alkaid/interop/arrow_import.h"

namespace alkaid::interop {
namespace {

int ErrnoOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalidArgument:
      return EINVAL;
    case StatusCode::kResourceExhausted:
      return ENOMEM;
    case StatusCode::kUnimplemented:
      return ENOSYS;
    default:
      return EIO;
  }
}

// Arrow requires consumers to serialise their calls. pyarrow leaves that to its users, and users of
// Python expect the interpreter to do it. So it is done here.
class StreamExport {
 public:
  explicit StreamExport(std::unique_ptr<ArrayStream> stream) : stream_(std::move(stream)) {}

  int GetSchema(ArrowSchema* out) {
    const std::lock_guard lock(mutex_);
    return Keep(ExportField(stream_->field(), out));
  }
  int GetNext(ArrowArray* out) {
    const std::lock_guard lock(mutex_);
    return Keep(Next(out));
  }
  // Null if this thread's last call was no error.
  const char* LastError() {
    const std::lock_guard lock(mutex_);
    const auto found = errors_.find(std::this_thread::get_id());
    return found != errors_.end() ? found->second.c_str() : nullptr;
  }

 private:
  // If there is no memory for the text, none is kept.
  int Keep(const Status& status) {
    errors_.erase(std::this_thread::get_id());
    if (status.ok()) return 0;
    try {
      errors_.emplace(std::this_thread::get_id(), status.message());
    } catch (const std::bad_alloc&) {
    }
    return ErrnoOf(status);
  }

  Status Next(ArrowArray* out) try {
    ALKAID_ASSIGN_OR_RAISE(const std::optional<ArrayData> array, stream_->Next());
    if (array.has_value()) return ExportArray(stream_->field(), *array, out);
    *out = {};  // released: the end
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }

  std::mutex mutex_;
  const std::unique_ptr<ArrayStream> stream_;
  std::map<std::thread::id, std::string> errors_;
};

StreamExport& ExportOf(ArrowArrayStream* self) {
  return *static_cast<StreamExport*>(self->private_data);
}

class ImportedStream final : public ArrayStream {
 public:
  ImportedStream() = default;
  ~ImportedStream() override {
    if (stream_.release != nullptr) stream_.release(&stream_);
  }

  const Field& field() const override { return field_; }

  Result<std::optional<ArrayData>> Next() override {
    ArrowArray array{};
    ALKAID_RETURN_NOT_OK(Check(&stream_, stream_.get_next(&stream_, &array)));
    if (array.release == nullptr) return std::nullopt;
    auto imported = ImportArray(&array, field_);
    if (array.release != nullptr) array.release(&array);
    if (!imported.ok()) return imported.status();
    return *std::move(imported);
  }

  // Takes over the structure on success.
  Status Import(ArrowArrayStream* stream) {
    ArrowSchema schema{};
    ALKAID_RETURN_NOT_OK(Check(stream, stream->get_schema(stream, &schema)));
    auto field = ImportField(&schema);
    if (schema.release != nullptr) schema.release(&schema);
    if (!field.ok()) return field.status();
    field_ = *std::move(field);
    stream_ = std::exchange(*stream, {});
    return absl::OkStatus();
  }

 private:
  static Status Check(ArrowArrayStream* stream, int error) {
    if (error == 0) return absl::OkStatus();
    const char* const text = stream->get_last_error(stream);
    return status::IOError(error, "an Arrow stream", text == nullptr ? "" : ": ",
                           text == nullptr ? "" : text);
  }

  ArrowArrayStream stream_{};
  Field field_;
};

}  // namespace

ArrayStream::~ArrayStream() = default;

Status ExportStream(std::unique_ptr<ArrayStream> stream, ArrowArrayStream* out) try {
  if (stream == nullptr || out == nullptr) return status::Invalid("an Arrow stream that is null");
  auto owned = std::make_unique<StreamExport>(std::move(stream));
  out->get_schema = [](ArrowArrayStream* self, ArrowSchema* schema) {
    return ExportOf(self).GetSchema(schema);
  };
  out->get_next = [](ArrowArrayStream* self, ArrowArray* array) {
    return ExportOf(self).GetNext(array);
  };
  out->get_last_error = [](ArrowArrayStream* self) { return ExportOf(self).LastError(); };
  out->release = [](ArrowArrayStream* self) {
    delete static_cast<StreamExport*>(self->private_data);
    self->release = nullptr;
  };
  out->private_data = owned.release();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<ArrayStream>> ImportStream(ArrowArrayStream* stream) try {
  if (stream == nullptr || stream->release == nullptr) {
    return status::Invalid("an Arrow stream that is null or released");
  }
  auto imported = std::make_unique<ImportedStream>();
  ALKAID_RETURN_NOT_OK(imported->Import(stream));
  return imported;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::interop
