// A file as memory.
#include <alkaid/core/memory.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

using alkaid::Buffer;
using alkaid::Status;

Status Run(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(auto file, alkaid::io::MemoryMappedFile::Create(path, 16));
  ALKAID_RETURN_NOT_OK(file->Write("mapped bytes"));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bytes, file->ReadAt(7, 5));
  ALKAID_RETURN_NOT_OK(file->WriteAt(7, "B", 1));
  std::cout << bytes->ToString() << "\n";

  // The mapping cannot move while a buffer shows it.
  const Status refused = file->Resize(100);
  std::cout << "resized: " << refused.ok() << "\n";
  ALKAID_RETURN_NOT_OK(file->Close());
  file.reset();
  std::cout << bytes->ToString() << ", after Close\n";
  return absl::OkStatus();
}

int main() {
  const std::string path = "mapped.bin";
  const Status status = Run(path);
  std::remove(path.c_str());
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
