// Slices refer to the root.
#include <alkaid/core/memory.h>

#include <iostream>

using alkaid::Buffer;
using alkaid::Status;

Status Run() {
  std::shared_ptr<Buffer> root = Buffer::FromString("datagrams in batches");
  std::shared_ptr<Buffer> middle = alkaid::SliceBuffer(root, 10, 10);
  std::shared_ptr<Buffer> leaf = alkaid::SliceBuffer(middle, 3, 5);
  std::cout << leaf->ToString() << " " << (leaf->parent() == root) << "\n";

  // A writable slice needs a mutable buffer.
  const Status refused = alkaid::SliceMutableBufferSafe(root, 0, 4).status();
  std::cout << refused.message() << "\n";

  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> page, alkaid::AllocateBuffer(64));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> field,
                         alkaid::SliceMutableBufferSafe(page, 8, sizeof(int64_t)));
  *field->mutable_data_as<int64_t>() = 42;
  std::cout << page->data_as<int64_t>()[1] << "\n";
  return absl::OkStatus();
}

int main() {
  const Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
