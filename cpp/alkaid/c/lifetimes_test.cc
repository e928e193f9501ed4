// Handles of all kinds, made from each other and released in random order: those that are left keep
// their bytes.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/c/alkaid.h"
#include "alkaid/interop/dlpack.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::c {
namespace {

namespace fixtures = dgram::fixtures;

// Handles of one kind.
template <typename T, void (*kRelease)(T*)>
class Some {
 public:
  ~Some() {
    for (T* const handle : handles_) kRelease(handle);
  }
  void Add(T* handle) {
    if (handle != nullptr) handles_.push_back(handle);
  }
  // A random one; null if there is none.
  T* Any(std::mt19937& random) const {
    return handles_.empty() ? nullptr : handles_[random() % handles_.size()];
  }
  void ReleaseOne(std::mt19937& random) {
    if (handles_.empty()) return;
    std::swap(handles_[random() % handles_.size()], handles_.back());
    kRelease(handles_.back());
    handles_.pop_back();
  }

 private:
  std::vector<T*> handles_;
};

class Lives {
 public:
  // Makes one object from another, or releases one.
  void Step() {
    switch (random_() % 8) {
      case 0:
        return AddPool();
      case 1:
        return AddBatch();
      case 2:
        return AddDgrams();
      case 3:
        return AddField();
      case 4:
        return AddBuffer();
      case 5:
        return Check();
      default:
        return ReleaseOne();
    }
  }
  // Checks that a field, and a buffer of one, still have their contents.
  void Check() {
    const alkaid_field* const field = fields_.Any(random_);
    if (field != nullptr) CheckImage(alkaid_field_data(field));
    const alkaid_buffer* const buffer = images_.Any(random_);
    if (buffer != nullptr) CheckImage(alkaid_buffer_data(buffer));
  }
  int64_t checked() const { return checked_; }

 private:
  void AddPool() {
    alkaid_pool* pool = nullptr;
    EXPECT_EQ(random_() % 2 == 0 ? alkaid_pool_create("system", &pool)
                                 : alkaid_pool_proxy(pools_.Any(random_), &pool),
              ALKAID_OK);
    pools_.Add(pool);
  }
  void AddBatch() {
    alkaid_reader_options options = {};
    options.struct_size = sizeof(options);
    options.pool = pools_.Any(random_);
    alkaid_buffer* copy = nullptr;
    alkaid_buffer* bytes = nullptr;
    alkaid_reader* reader = nullptr;
    alkaid_batch* batch = nullptr;
    EXPECT_EQ(alkaid_buffer_from_foreign(run_.data(), static_cast<int64_t>(run_.size()), nullptr,
                                         nullptr, &bytes),
              ALKAID_OK);
    EXPECT_EQ(alkaid_buffer_copy(bytes, 0, alkaid_buffer_size(bytes), options.pool, &copy),
              ALKAID_OK);
    EXPECT_EQ(alkaid_reader_open_buffer(copy, &options, &reader), ALKAID_OK);
    EXPECT_EQ(alkaid_reader_next(reader, &batch), ALKAID_OK);
    batches_.Add(batch);
    alkaid_reader_release(reader);
    alkaid_buffer_release(copy);
    alkaid_buffer_release(bytes);
  }
  void AddDgrams() {
    alkaid_batch* const batch = batches_.Any(random_);
    if (batch == nullptr) return;
    alkaid_dgram* dgram = nullptr;
    while (alkaid_batch_next(batch, &dgram) == ALKAID_OK && dgram != nullptr) {
      if (alkaid_dgram_service(dgram) != ALKAID_L1_ACCEPT || random_() % 2 == 0) continue;
      alkaid_dgram_retain(dgram);
      dgrams_.Add(dgram);
    }
    alkaid_dgram* copy = nullptr;
    const alkaid_dgram* const any = dgrams_.Any(random_);
    if (any == nullptr) return;
    EXPECT_EQ(alkaid_dgram_copy(any, pools_.Any(random_), &copy), ALKAID_OK);
    dgrams_.Add(copy);
  }
  void AddField() {
    const alkaid_dgram* const dgram = dgrams_.Any(random_);
    if (dgram == nullptr) return;
    alkaid_field* field = nullptr;
    if (random_() % 2 == 0) {
      EXPECT_EQ(alkaid_dgram_find(dgram, "det", 0, "raw", "image", &field), ALKAID_OK);
      fields_.Add(field);
      return;
    }
    while (alkaid_dgram_next_field(dgram, &field) == ALKAID_OK && field != nullptr) {
      if (alkaid_field_rank(field) != 2) continue;
      alkaid_field_retain(field);
      fields_.Add(field);
    }
  }
  void AddBuffer() {
    const alkaid_field* const field = fields_.Any(random_);
    if (field == nullptr) return;
    alkaid_buffer* image = nullptr;
    alkaid_buffer* slice = nullptr;
    DLManagedTensorVersioned* managed = nullptr;
    EXPECT_EQ(alkaid_field_buffer(field, &image), ALKAID_OK);
    EXPECT_EQ(alkaid_buffer_slice(image, 0, alkaid_buffer_size(image), &slice), ALKAID_OK);
    EXPECT_EQ(alkaid_field_to_dlpack(field, ALKAID_COPY_IF_NEEDED, &managed), ALKAID_OK);
    images_.Add(image);
    images_.Add(slice);
    tensors_.push_back(interop::ImportDLPack(managed).value());
    if (tensors_.size() > 10) tensors_.erase(tensors_.begin());
  }
  void ReleaseOne() {
    switch (random_() % 5) {
      case 0:
        return pools_.ReleaseOne(random_);
      case 1:
        return batches_.ReleaseOne(random_);
      case 2:
        return dgrams_.ReleaseOne(random_);
      case 3:
        return fields_.ReleaseOne(random_);
      default:
        return images_.ReleaseOne(random_);
    }
  }
  // Six numbers that count up, as fixtures::Event makes them.
  void CheckImage(const uint8_t* data) {
    const auto first = dgram::LoadUnaligned<uint32_t>(data);
    EXPECT_LT(first, 4U);
    EXPECT_EQ(dgram::LoadUnaligned<uint32_t>(data + 20), first + 5);
    ++checked_;
  }

  std::mt19937 random_{20};
  const std::string run_ = fixtures::Run(4);
  int64_t checked_ = 0;
  Some<alkaid_pool, alkaid_pool_release> pools_;
  Some<alkaid_batch, alkaid_batch_release> batches_;
  Some<alkaid_dgram, alkaid_dgram_release> dgrams_;
  Some<alkaid_field, alkaid_field_release> fields_;
  Some<alkaid_buffer, alkaid_buffer_release> images_;
  std::vector<interop::Tensor> tensors_;
};

TEST(CLifetimes, HandlesMayGoInAnyOrder) {
  Lives lives;
  for (int step = 0; step < 20'000; ++step) lives.Step();
  EXPECT_GT(lives.checked(), 1000);
}

}  // namespace
}  // namespace alkaid::c
