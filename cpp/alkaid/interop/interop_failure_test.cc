// Memory runs out at every point of the functions that exchange tensors and columns
// (fixtures/failure_suite.h).
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/interop/arrow_data.h"
#include "alkaid/interop/arrow_export.h"
#include "alkaid/interop/arrow_import.h"
#include "alkaid/interop/arrow_stream.h"
#include "alkaid/interop/dlpack.h"
#include "alkaid/interop/dlpack_abi_internal.h"
#include "alkaid/interop/tensor.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/tried_buffers.h"
#include "fixtures/vault_device.h"

namespace alkaid::interop {
namespace {

using failing::FailureSuite;
using failing::FilledBuffer;
using failing::Objects;
using enum failing::OutOfMemory;

constexpr auto kInt16 = ElementType::Of<int16_t>();

// What a consumer was handed, and releases.
template <typename Structure>
struct Handed {
  explicit Handed(Structure* handed) : structure(handed) {}
  Handed(Handed&& other) noexcept : structure(std::exchange(other.structure, nullptr)) {}
  Handed& operator=(Handed&&) = delete;
  ~Handed() {
    if (structure != nullptr) structure->deleter(structure);
  }
  Structure* structure;
};

template <typename Structure>
struct Released {
  Released() = default;
  Released(Released&& other) noexcept : structure(std::exchange(other.structure, {})) {}
  Released& operator=(Released&&) = delete;
  ~Released() {
    if (structure.release != nullptr) structure.release(&structure);
  }
  Structure structure{};
};

std::string TextOf(const Tensor& tensor) {
  return absl::StrCat(tensor.type().ToString(), " ", tensor.size(), " ", tensor.offset(), " ",
                      tensor.buffer()->ToHexString());
}
std::string TextOf(const DLTensor& tensor) {
  return absl::StrCat(tensor.ndim, " ", tensor.shape[0], " ", tensor.strides[0]);
}

// Read-only elements, two rows of three; misaligned if `offset` is odd.
auto WithTensor(int64_t offset) {
  return [offset](MemoryPool* pool) {
    const auto buffer = SliceBuffer(FilledBuffer(pool), 0, 64);
    return Objects(pool, Tensor::Make(buffer, kInt16, {2, 3}, {6, 2}, offset).value());
  };
}

TEST(InteropOutOfMemory, Tensors) {
  FailureSuite::Try(
      "Tensor::Make", kStatus, [](MemoryPool* pool) { return Objects(pool, FilledBuffer(pool)); },
      [](auto& objects) -> Result<Tensor> {
        try {
          return Tensor::Make(objects.value, kInt16, {2, 3}, {}, 2);
        } catch (const std::bad_alloc&) {  // of the lists that are passed
          return status::NoMemory();
        }
      },
      [](auto&, const Tensor& tensor) { return TextOf(tensor); });
  FailureSuite::Try(
      "Tensor::Make outside its buffer", kStatus,
      [](MemoryPool* pool) { return Objects(pool, FilledBuffer(pool)); },
      [](auto& objects) -> Result<Tensor> {
        try {
          return Tensor::Make(objects.value, kInt16, {2, 300}, {}, 2);
        } catch (const std::bad_alloc&) {
          return status::NoMemory();
        }
      },
      [](auto&, const Tensor& tensor) { return TextOf(tensor); });
  FailureSuite::Try(
      "Tensor::Copy", kStatus, WithTensor(2),
      [](auto& objects) { return objects.value.Copy(objects.pool); },
      [](auto&, const Tensor& tensor) { return TextOf(tensor); });
  FailureSuite::TryText("ElementType::ToString", kThrows, [] {
    return ElementType{ElementType::Kind::kComplex, 128, 10000}.ToString() +
           std::string(40, ' ');  // too long for a string's own storage
  });
}

TEST(InteropOutOfMemory, ExportsOfDLPack) {
  for (const int64_t offset : {2, 3}) {
    FailureSuite::Try(
        absl::StrCat("ExportDLPack at ", offset), kStatus, WithTensor(offset),
        [](auto& objects) -> Result<Handed<DLManagedTensorVersioned>> {
          ALKAID_ASSIGN_OR_RAISE(auto* const managed, ExportDLPack(objects.value));
          return Handed(managed);
        },
        [](auto&, const auto& handed) {
          return absl::StrCat(TextOf(handed.structure->dl_tensor), " ", handed.structure->flags);
        });
  }
  FailureSuite::Try(
      "ExportLegacyDLPack", kStatus, WithTensor(2),
      [](auto& objects) -> Result<Handed<DLManagedTensor>> {
        ALKAID_ASSIGN_OR_RAISE(auto* const managed,
                               ExportLegacyDLPack(objects.value, {.copy = true}));
        return Handed(managed);
      },
      [](auto&, const auto& handed) { return TextOf(handed.structure->dl_tensor); });
  FailureSuite::Try(
      "ExportDLPack of a buffer", kStatus, WithTensor(2),
      [](auto& objects) -> Result<Handed<DLManagedTensorVersioned>> {
        ALKAID_ASSIGN_OR_RAISE(auto* const managed, ExportDLPack(objects.value.buffer()));
        return Handed(managed);
      },
      [](auto&, const auto& handed) { return TextOf(handed.structure->dl_tensor); });
  FailureSuite::Try(
      "ExportLegacyDLPack of a buffer", kStatus, WithTensor(2),
      [](auto& objects) -> Result<Handed<DLManagedTensor>> {
        ALKAID_ASSIGN_OR_RAISE(auto* const managed,
                               ExportLegacyDLPack(objects.value.buffer(), {.copy = true}));
        return Handed(managed);
      },
      [](auto&, const auto& handed) { return TextOf(handed.structure->dl_tensor); });
  FailureSuite::Try(
      "ExportDLPack on another device", kStatus,
      [](MemoryPool* pool) {
        return Objects(pool, std::pair(WithTensor(2)(pool).value,
                                       VaultDevice::Make(1)->default_memory_manager()));
      },
      [](auto& objects) -> Result<Handed<DLManagedTensorVersioned>> {
        ALKAID_ASSIGN_OR_RAISE(
            auto* const managed,
            ExportDLPack(objects.value.first,
                         {.copy = true, .memory_manager = objects.value.second}));
        return Handed(managed);
      },
      [](auto&, const auto& handed) { return TextOf(handed.structure->dl_tensor); });
}

TEST(InteropOutOfMemory, ImportsOfDLPackTakeNothingOverWhenTheyFail) {
  struct Producer {
    alignas(8) uint8_t bytes[16] = {};
    int64_t shape[1] = {8};
    int deleted = 0;
    DLManagedTensorVersioned managed{};
  };
  FailureSuite::Try(
      "ImportDLPack", kStatus,
      [](MemoryPool* pool) {
        auto producer = std::make_unique<Producer>();
        producer->managed.version = {1, 0};
        producer->managed.manager_ctx = &producer->deleted;
        producer->managed.deleter = [](auto* self) { ++*static_cast<int*>(self->manager_ctx); };
        producer->managed.dl_tensor = {producer->bytes, {1, 0},  1, {0, 16, 1},
                                       producer->shape, nullptr, 0};
        return Objects(pool, std::move(producer));
      },
      [](auto& objects) {
        auto tensor = ImportDLPack(&objects.value->managed);
        EXPECT_EQ(objects.value->deleted, 0);
        return tensor;
      },
      [](auto&, const Tensor& tensor) { return TextOf(tensor); });
}

struct Column {
  Field field;
  ArrayData array;
};

// Lists of numbers, and text in views.
Column MakeColumn(MemoryPool* pool) {
  Column column;
  column.field.format = "+s";
  column.field.name = "a name that no string keeps in itself";
  column.field.metadata = {{"key", "a value that no string keeps in itself"}};
  column.field.children.resize(2);
  column.field.children[0].format = "+vl";
  column.field.children[0].children.resize(1);
  column.field.children[0].children[0].format = "s";
  column.field.children[1].format = "vz";
  const auto offsets = Buffer::FromVector(std::vector<int32_t>{4, 0});
  const auto sizes = Buffer::FromVector(std::vector<int32_t>{4, 4});
  const auto views = Buffer::FromVector(std::vector<int32_t>{13, 0, 0, 1, 14, 0, 0, 2});
  column.array.length = 2;
  column.array.buffers = {nullptr};
  column.array.children.resize(2);
  ArrayData& lists = column.array.children[0];
  lists.length = 2;
  lists.null_count = 0;
  lists.buffers = {nullptr, offsets, sizes};
  lists.children = {MakeFixedWidth(32, FilledBuffer(pool))};
  ArrayData& text = column.array.children[1];
  text.length = 2;
  text.null_count = 0;
  text.buffers = {nullptr, views, FilledBuffer(pool)};
  return column;
}

std::string TextOf(const ArrayData& array) {  // NOLINT(misc-no-recursion)
  std::string text = absl::StrCat(array.length, " [");
  for (const auto& buffer : array.buffers) {
    absl::StrAppend(&text, buffer == nullptr ? "-" : buffer->ToHexString(), " ");
  }
  for (const ArrayData& child : array.children) absl::StrAppend(&text, TextOf(child));
  return text + "]";
}

auto WithColumn() {
  return [](MemoryPool* pool) { return Objects(pool, MakeColumn(pool)); };
}

TEST(InteropOutOfMemory, ExportsOfArrow) {
  FailureSuite::Try(
      "ExportField", kStatus, WithColumn(),
      [](auto& objects) -> Result<Released<ArrowSchema>> {
        Released<ArrowSchema> released;
        ALKAID_RETURN_NOT_OK(ExportField(objects.value.field, &released.structure));
        return released;
      },
      [](auto&, const auto& released) { return std::string(released.structure.name); });
  FailureSuite::Try(
      "ExportArray", kStatus, WithColumn(),
      [](auto& objects) -> Result<Released<ArrowArray>> {
        Released<ArrowArray> released;
        ALKAID_RETURN_NOT_OK(
            ExportArray(objects.value.field, objects.value.array, &released.structure));
        return released;
      },
      [](auto&, const auto& released) {
        return absl::StrCat(released.structure.length, " ", released.structure.n_children);
      });
  FailureSuite::Try(
      "ExportDeviceArray", kStatus, WithColumn(),
      [](auto& objects) -> Result<Released<ArrowArray>> {
        ArrowDeviceArray array{};
        ALKAID_RETURN_NOT_OK(ExportDeviceArray(objects.value.field, objects.value.array, &array));
        Released<ArrowArray> released;
        released.structure = array.array;
        return released;
      },
      [](auto&, const auto& released) { return absl::StrCat(released.structure.length); });
  FailureSuite::Try(
      "Validate", kStatus, WithColumn(),
      [](auto& objects) {
        ArrayData& text = objects.value.array.children[1];
        text.length = 3;  // the message needs memory
        return Validate(objects.value.field, objects.value.array);
      },
      [](auto&) { return ""; });
}

struct Exported {
  Field field;
  Released<ArrowSchema> schema;
  Released<ArrowArray> array;
};

auto WithExported() {
  return [](MemoryPool* pool) {
    auto exported = std::make_unique<Exported>();
    const Column column = MakeColumn(pool);
    exported->field = column.field;
    EXPECT_TRUE(ExportField(column.field, &exported->schema.structure).ok());
    EXPECT_TRUE(ExportArray(column.field, column.array, &exported->array.structure).ok());
    return Objects(pool, std::move(exported));
  };
}

TEST(InteropOutOfMemory, ImportsOfArrowTakeNothingOverWhenTheyFail) {
  FailureSuite::Try(
      "ImportField", kStatus, WithExported(),
      [](auto& objects) { return ImportField(&objects.value->schema.structure); },
      [](auto&, const Field& field) { return field.name + field.metadata[0].second; });
  FailureSuite::Try(
      "ImportArray", kStatus, WithExported(),
      [](auto& objects) {
        return ImportArray(&objects.value->array.structure, objects.value->field);
      },
      [](auto&, const ArrayData& array) { return TextOf(array); });
  FailureSuite::Try(
      "ImportDeviceArray", kStatus, WithExported(),
      [](auto& objects) {
        ArrowDeviceArray device{};
        device.device_type = ARROW_DEVICE_CPU;
        device.array = objects.value->array.structure;
        auto array = ImportDeviceArray(&device, objects.value->field);
        objects.value->array.structure = device.array;
        return array;
      },
      [](auto&, const ArrayData& array) { return TextOf(array); });
}

// Returns the same column again and again.
class Columns final : public ArrayStream {
 public:
  explicit Columns(Column column) : column_(std::move(column)) {}
  const Field& field() const override { return column_.field; }
  Result<std::optional<ArrayData>> Next() override try {
    return column_.array;
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }

 private:
  Column column_;
};

TEST(InteropOutOfMemory, Streams) {
  FailureSuite::Try(
      "ExportStream", kStatus, WithColumn(),
      [](auto& objects) -> Result<Released<ArrowArrayStream>> {
        try {
          Released<ArrowArrayStream> released;
          ALKAID_RETURN_NOT_OK(
              ExportStream(std::make_unique<Columns>(objects.value), &released.structure));
          return released;
        } catch (const std::bad_alloc&) {  // of the stream that is passed
          return status::NoMemory();
        }
      },
      [](auto&, const auto&) { return ""; });
  // Abseil makes the texts of all errnos at the first use.
  EXPECT_FALSE(status::IOError(ENOMEM, "").ok());
  const auto with_stream = [](MemoryPool* pool) {
    auto released = std::make_unique<Released<ArrowArrayStream>>();
    EXPECT_TRUE(
        ExportStream(std::make_unique<Columns>(MakeColumn(pool)), &released->structure).ok());
    return Objects(pool, std::move(released));
  };
  FailureSuite::Try(
      "ImportStream", kStatus, with_stream,
      [](auto& objects) { return ImportStream(&objects.value->structure); },
      [](auto&, const auto& stream) { return stream->field().name; });
  FailureSuite::Try(
      "ArrayStream::Next of an imported one", kStatus,
      [&](MemoryPool* pool) {
        auto exported = with_stream(pool);
        return Objects(pool, ImportStream(&exported.value->structure).value());
      },
      [](auto& objects) { return objects.value->Next(); },
      [](auto&, const auto& array) { return TextOf(*array); });
}

}  // namespace
}  // namespace alkaid::interop

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
