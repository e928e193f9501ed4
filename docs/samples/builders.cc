// Builders of bytes, of values and of bits.
#include <alkaid/core/memory.h>

#include <iostream>

using alkaid::Buffer;
using alkaid::Status;

Status Run() {
  alkaid::TypedBufferBuilder<int32_t> values;
  ALKAID_RETURN_NOT_OK(values.Append(1));
  ALKAID_RETURN_NOT_OK(values.Append(2));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> two, values.Finish());
  std::cout << two->size() << " bytes, capacity " << two->capacity() << "\n";

  // Reserve once, then append without checks.
  ALKAID_RETURN_NOT_OK(values.Reserve(1000));
  for (int32_t i = 0; i < 1000; ++i) values.UnsafeAppend(i);
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> thousand, values.Finish());
  std::cout << thousand->span_as<int32_t>()[999] << "\n";

  // Bits, least significant first.
  alkaid::TypedBufferBuilder<bool> bits;
  for (int i = 0; i < 10; ++i) ALKAID_RETURN_NOT_OK(bits.Append(i % 3 == 0));
  const int64_t falses = bits.false_count();
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bitmap, bits.Finish());
  std::cout << bitmap->ToHexString() << ", " << falses << " false\n";

  // Bytes written behind the builder's back are counted at the end.
  alkaid::BufferBuilder bytes;
  ALKAID_RETURN_NOT_OK(bytes.Reserve(16));
  bytes.mutable_data()[0] = 'A';
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> letter, bytes.FinishWithLength(1));
  std::cout << letter->ToString() << "\n";

  std::cout << bytes.Reserve(-1).ToString() << "\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
