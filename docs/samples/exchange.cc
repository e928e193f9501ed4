#include <alkaid/core/memory.h>
#include <alkaid/interop.h>

#include <iostream>

using alkaid::Buffer;
using alkaid::Status;
namespace interop = alkaid::interop;

// What any consumer of DLPack does: here the library itself.
Status Array(const std::shared_ptr<Buffer>& pixels) {
  // An array of 2 rows of 3, which begins 4 bytes into the buffer.
  ALKAID_ASSIGN_OR_RAISE(const auto tensor,
                         interop::Tensor::Make(pixels, interop::ElementType::Of<int16_t>(), {2, 3},
                                               /*strides=*/{}, /*offset=*/4));
  // For a consumer, which calls managed->deleter(managed) once, on any thread.
  ALKAID_ASSIGN_OR_RAISE(DLManagedTensorVersioned * managed, interop::ExportDLPack(tensor));

  // From a producer, whose deleter is called when the last slice of theirs.buffer() goes.
  ALKAID_ASSIGN_OR_RAISE(const auto theirs, interop::ImportDLPack(managed));
  std::cout << theirs.type().ToString() << " of " << theirs.shape()[0] << " x " << theirs.shape()[1]
            << ", " << (theirs.address() == tensor.address() ? "not copied" : "copied") << "\n";
  return absl::OkStatus();
}

Status Column(const std::shared_ptr<Buffer>& pixels) {
  // Lists of 6 pixels: list 0 begins at pixel 6, list 1 at pixel 0. The child is the buffer itself.
  interop::Field field;
  field.format = "+vl";
  field.name = "image";
  field.children.resize(1);
  field.children[0].format = "s";
  interop::ArrayData lists;
  lists.length = 2;
  lists.null_count = 0;
  lists.buffers = {nullptr, Buffer::FromVector(std::vector<int32_t>{6, 0}),
                   Buffer::FromVector(std::vector<int32_t>{6, 6})};
  lists.children = {interop::MakeFixedWidth(16, pixels)};

  // For a consumer, which calls each release once. In Python:
  // pyarrow.Array._import_from_c(address of array, address of schema).
  ArrowSchema schema;
  ArrowArray array;
  ALKAID_RETURN_NOT_OK(interop::ExportField(field, &schema));
  ALKAID_RETURN_NOT_OK(interop::ExportArray(field, lists, &array));

  // From a producer, whose release is called when the last of the buffers goes.
  ALKAID_ASSIGN_OR_RAISE(const auto type, interop::ImportField(&schema));
  ALKAID_ASSIGN_OR_RAISE(const auto theirs, interop::ImportArray(&array, type));
  std::cout << theirs.length << " lists in \"" << type.name << "\", "
            << (theirs.children[0].buffers[1]->data() == pixels->data() ? "not copied" : "copied")
            << "\n";

  lists.buffers[1] = Buffer::FromVector(std::vector<int32_t>{6, 11});
  std::cout << interop::Validate(field, lists).ToString() << "\n";
  return absl::OkStatus();
}

Status Run() {
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> pixels, alkaid::AllocateBuffer(32));
  for (int16_t i = 0; i < 16; ++i) pixels->mutable_span_as<int16_t>()[static_cast<size_t>(i)] = i;
  ALKAID_RETURN_NOT_OK(Array(pixels));
  return Column(pixels);
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
