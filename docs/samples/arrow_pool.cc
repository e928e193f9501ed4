// Arrow's memory from a pool with a label and a limit, and Alkaid's from one of Arrow's.
#include <alkaid/core/memory.h>
#include <alkaid/interop/arrow_pool.h>

#include <iostream>

int main() {
  alkaid::ProxyMemoryPool own(alkaid::default_memory_pool());
  alkaid::CappedMemoryPool capped(&own, 1 << 20);
  alkaid::LabelledMemoryPool labelled(&capped, alkaid::Label::Intern("tables"));
  alkaid::interop::ArrowMemoryPool pool(&labelled);
  // For whatever of Arrow's takes a pool: arrow::Int64Builder builder(&pool);
  arrow::MemoryPool* const arrows = &pool;

  uint8_t* block = nullptr;
  if (!arrows->Allocate(1000, &block).ok()) return 1;
  std::cout << arrows->bytes_allocated() << " bytes of Arrow's, " << own.bytes_allocated()
            << " in the pool\n";
  const arrow::Status refused = arrows->Reallocate(1000, 2 << 20, &block);
  std::cout << refused.message() << "\n";
  arrows->Free(block, 1000);

  // And back: here over the same one, mostly over arrow::default_memory_pool().
  alkaid::interop::MemoryPoolOverArrow back(arrows);
  const auto buffer = alkaid::AllocateBuffer(1000, &back);
  if (!buffer.ok()) return 1;
  std::cout << (*buffer)->size() << " bytes from " << back.backend_name().substr(0, 6) << "\n";
}
