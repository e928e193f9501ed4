// Labels: what memory is for.
#include <alkaid/core/memory.h>

#include <cstdio>

// Stands for whatever collects: the tables of live memory, a tracer, an observer of your own.
class Printer final : public alkaid::MemoryObserver {
 public:
  void OnAllocate(alkaid::MemoryPool*, const void*, int64_t size, int64_t) override {
    std::printf("%lld bytes for '%s'\n", static_cast<long long>(size),
                alkaid::Label::Current().name());
  }
};

int main() {
  Printer printer;
  alkaid::AddMemoryObserver(&printer, alkaid::MemoryEventKinds::kBlocks);
  auto plain = alkaid::AllocateBuffer(64);

  alkaid::LabelledMemoryPool calibration(alkaid::default_memory_pool(),
                                         alkaid::Label::Intern("calibration"));
  auto constants = alkaid::AllocateBuffer(128, &calibration);
  {
    const alkaid::ScopedLabel scope("calibration.geometry");
    auto geometry = alkaid::AllocateBuffer(256, &calibration);  // the scope is nearer than the pool
    alkaid::BufferBuilder builder(&calibration);
    builder.SetLabel(alkaid::Label::Intern("calibration.masks"));  // nearer still
    if (!builder.Resize(512).ok()) return 1;
  }
  alkaid::RemoveMemoryObserver(&printer);
}
