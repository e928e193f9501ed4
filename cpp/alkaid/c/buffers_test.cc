#include "alkaid/c/buffers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

#include "alkaid/c/buffers_internal.h"
#include "fixtures/vault_device.h"

namespace {

TEST(CBuffers, MessagesNameFunctionAndNumbers) {
  alkaid_buffer* buffer = nullptr;
  alkaid_buffer* slice = nullptr;
  ASSERT_EQ(alkaid_buffer_allocate(10, 0, nullptr, &buffer), ALKAID_OK);
  EXPECT_EQ(alkaid_buffer_slice(buffer, 5, 6, &slice), ALKAID_OUT_OF_RANGE);
  const std::string message = alkaid_last_error();
  EXPECT_EQ(message.find("alkaid_buffer_slice: "), 0U) << message;
  EXPECT_NE(message.find("6"), std::string::npos) << message;
  EXPECT_EQ(alkaid_buffer_resize(buffer, 20), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(),
               "alkaid_buffer_resize: the buffer of 10 bytes was not allocated as resizable");
  EXPECT_EQ(alkaid_buffer_allocate(-1, 0, nullptr, &slice), ALKAID_INVALID);
  EXPECT_EQ(alkaid_buffer_allocate(1, 3, nullptr, &slice), ALKAID_INVALID);
  alkaid_buffer_release(buffer);
}

TEST(CBuffers, ARootHasNoParent) {
  alkaid_buffer* buffer = nullptr;
  alkaid_buffer* parent = buffer;
  ASSERT_EQ(alkaid_buffer_allocate(10, 0, nullptr, &buffer), ALKAID_OK);
  EXPECT_EQ(alkaid_buffer_parent(buffer, &parent), ALKAID_OK);
  EXPECT_EQ(parent, nullptr);
  alkaid_buffer_release(buffer);
}

TEST(CBuffers, ASliceOfWhatCannotBeWrittenIsNotMutable) {
  const char bytes[] = "read-only";
  alkaid_buffer* buffer = nullptr;
  alkaid_buffer* slice = nullptr;
  ASSERT_EQ(alkaid_buffer_from_foreign(bytes, 9, nullptr, nullptr, &buffer), ALKAID_OK);
  EXPECT_EQ(alkaid_buffer_mutable_data(buffer), nullptr);
  EXPECT_EQ(alkaid_buffer_is_mutable(buffer), 0);
  EXPECT_EQ(alkaid_buffer_slice_mutable(buffer, 0, 1, &slice), ALKAID_INVALID);
  alkaid_buffer_release(buffer);
}

TEST(CBuffers, ForeignBytesAreReleasedOnceOnTheThreadOfTheLastReference) {
  struct Owner {
    int released = 0;
    std::thread::id thread;
  } owner;
  const auto release = [](void* context) {
    ++static_cast<Owner*>(context)->released;
    static_cast<Owner*>(context)->thread = std::this_thread::get_id();
  };
  alkaid_buffer* buffer = nullptr;
  EXPECT_EQ(alkaid_buffer_from_foreign("x", -1, release, &owner, &buffer), ALKAID_INVALID);
  EXPECT_EQ(alkaid_buffer_from_foreign(nullptr, 1, release, &owner, &buffer), ALKAID_INVALID);
  EXPECT_EQ(owner.released, 0) << "what fails takes nothing over";
  ASSERT_EQ(alkaid_buffer_from_foreign("bytes", 5, release, &owner, &buffer), ALKAID_OK);
  std::thread other([buffer] { alkaid_buffer_release(buffer); });
  const std::thread::id id = other.get_id();
  other.join();
  EXPECT_EQ(owner.released, 1);
  EXPECT_EQ(owner.thread, id);
}

TEST(CBuffers, OfAnotherDeviceHaveAnAddressAndNoData) {
  const auto manager = alkaid::VaultDevice::Make(1)->default_memory_manager();
  alkaid_buffer* const buffer =
      alkaid::c::NewBuffer(manager->AllocateBuffer(100).value()).release();
  alkaid_buffer* copy = nullptr;
  EXPECT_EQ(alkaid_buffer_data(buffer), nullptr);
  EXPECT_EQ(alkaid_buffer_is_cpu(buffer), 0);
  EXPECT_NE(alkaid_buffer_address(buffer), 0U);
  EXPECT_EQ(alkaid_buffer_copy(buffer, 0, 10, nullptr, &copy), ALKAID_INVALID);
  alkaid_buffer_release(buffer);
}

TEST(CBuffers, AResizableOneOfNoBytesKeepsItsPool) {
  alkaid_pool* pool = nullptr;
  alkaid_buffer* buffer = nullptr;
  ASSERT_EQ(alkaid_pool_create("system", &pool), ALKAID_OK);
  ASSERT_EQ(alkaid_buffer_allocate_resizable(0, 0, pool, &buffer), ALKAID_OK);
  alkaid_pool_release(pool);
  ASSERT_EQ(alkaid_buffer_resize(buffer, 100), ALKAID_OK);
  std::memset(alkaid_buffer_mutable_data(buffer), 1, 100);
  EXPECT_EQ(alkaid_buffer_resize(buffer, -1), ALKAID_INVALID);
  EXPECT_EQ(alkaid_buffer_size(buffer), 100);
  alkaid_buffer_release(buffer);
}

}  // namespace
