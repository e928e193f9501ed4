// Memory runs out at every point of every function of the C interface that needs memory
// (fixtures/failure_suite.h): each returns ALKAID_OUT_OF_MEMORY, throws nothing, and returns its
// usual result when called again.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/c/alkaid.h"
#include "alkaid/c/buffers_internal.h"
#include "alkaid/c/dgrams_internal.h"
#include "alkaid/c/fields_internal.h"
#include "alkaid/c/pools_internal.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/dlpack.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/run_files.h"
#include "fixtures/tried_buffers.h"

namespace alkaid::c {
namespace {

using failing::FailureSuite;
using failing::FilledBuffer;
using failing::Objects;
using enum failing::OutOfMemory;
namespace fixtures = dgram::fixtures;

void LetGo(alkaid_pool* handle) { alkaid_pool_release(handle); }
void LetGo(alkaid_buffer* handle) { alkaid_buffer_release(handle); }
void LetGo(alkaid_reader* handle) { alkaid_reader_release(handle); }
void LetGo(alkaid_batch* handle) { alkaid_batch_release(handle); }
void LetGo(alkaid_dgram* handle) { alkaid_dgram_release(handle); }
void LetGo(alkaid_configuration* handle) { alkaid_configuration_release(handle); }
void LetGo(alkaid_field_key* handle) { alkaid_field_key_release(handle); }
void LetGo(alkaid_field* handle) { alkaid_field_release(handle); }
void LetGo(alkaid_events* handle) { alkaid_events_release(handle); }
void LetGo(alkaid_event* handle) { alkaid_event_release(handle); }

// A handle, released at the end.
template <typename T>
struct Held {
  explicit Held(T* handle = nullptr) : held(handle) {}
  Held(Held&& other) noexcept : held(std::exchange(other.held, nullptr)) {}
  Held& operator=(Held&& other) noexcept {
    std::swap(held, other.held);
    return *this;
  }
  ~Held() { LetGo(held); }
  T* held;
};

// The suite's Status for a code.
Status StatusOf(alkaid_status status) {
  if (status == ALKAID_OK) return absl::OkStatus();
  if (status == ALKAID_OUT_OF_MEMORY) return Status(StatusCode::kResourceExhausted, "");
  return Status(StatusCode::kUnknown, absl::StrCat(status));
}
// `call(&handle)` as a Result.
template <typename T, typename Call>
Result<Held<T>> HandleOf(const Call& call) {
  T* handle = nullptr;
  const alkaid_status status = call(&handle);
  EXPECT_TRUE(status == ALKAID_OK || handle == nullptr);
  ALKAID_RETURN_NOT_OK(StatusOf(status));
  return Held<T>(handle);
}

std::string TextOf(const Held<alkaid_buffer>& buffer) {
  return absl::StrCat(buffer.held->buffer->size(), " ", alkaid_buffer_is_mutable(buffer.held));
}
std::string TextOf(const Held<alkaid_pool>& pool) { return alkaid_pool_backend_name(pool.held); }
std::string TextOf(const Held<alkaid_dgram>& dgram) {
  return absl::StrCat(alkaid_dgram_size(dgram.held), " ", alkaid_dgram_index(dgram.held));
}
std::string TextOf(const Held<alkaid_field>& field) {
  return absl::StrCat(alkaid_field_size(field.held), " ", field.held->view.name());
}
std::string TextOf(const Held<alkaid_configuration>& configuration) {
  return absl::StrCat(alkaid_configuration_field_count(configuration.held));
}
template <typename T>
std::string TextOf(const Held<T>& handle) {
  return handle.held == nullptr ? "none" : "one";
}

// A handle of the pool whose calls fail one by one.
Held<alkaid_pool> PoolHandle(MemoryPool* pool) {
  return Held<alkaid_pool>(
      NewPool(std::shared_ptr<MemoryPool>(std::shared_ptr<void>(), pool)).release());
}
Held<alkaid_buffer> BufferHandle(std::shared_ptr<Buffer> buffer) {
  return Held<alkaid_buffer>(NewBuffer(std::move(buffer)).release());
}
Held<alkaid_dgram> DgramHandle() {
  const auto configure = dgram::Dgram::Make(Buffer::FromString(fixtures::Configure())).value();
  auto handle = std::make_unique<alkaid_dgram>();
  handle->dgram = dgram::Dgram::Make(Buffer::FromString(fixtures::Event(3)), 0,
                                     configure.configuration(), "a source with a long name", 3)
                      .value();
  return Held<alkaid_dgram>(handle.release());
}
Held<alkaid_field> FieldHandle(const char* name) {
  alkaid_field* field = nullptr;
  EXPECT_EQ(alkaid_dgram_find(DgramHandle().held, "det", 0, "raw", name, &field), ALKAID_OK);
  return Held<alkaid_field>(field);
}

// Tries a function that returns a handle, on objects that `make(pool)` makes.
template <typename T, typename MakeObjects, typename Call>
void TryHandle(const char* name, const MakeObjects& make, const Call& call) {
  FailureSuite::Try(
      name, kStatus, [&](MemoryPool* pool) { return Objects(pool, make(pool)); },
      [&](auto& objects) { return HandleOf<T>([&](T** out) { return call(objects.value, out); }); },
      [](auto&, const Held<T>& handle) { return TextOf(handle); });
}
// Tries a function that returns only a status, with its text.
template <typename MakeObjects, typename Call, typename Outcome>
void TryCall(const char* name, const MakeObjects& make, const Call& call, const Outcome& outcome) {
  FailureSuite::Try(
      name, kStatus, [&](MemoryPool* pool) { return Objects(pool, make(pool)); },
      [&](auto& objects) { return StatusOf(call(objects.value)); },
      [&](auto& objects) { return outcome(objects.value); });
}

class COutOfMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    // Makes what a thread and a process make at their first use.
    EXPECT_EQ(alkaid_buffer_resize(nullptr, 1), ALKAID_INVALID);
  }
};

TEST_F(COutOfMemory, Pools) {
  const auto none = [](MemoryPool*) { return 0; };
  TryHandle<alkaid_pool>("alkaid_pool_create", none,
                         [](int, alkaid_pool** out) { return alkaid_pool_create("system", out); });
  TryHandle<alkaid_pool>("alkaid_pool_create of the default's backend", none,
                         [](int, alkaid_pool** out) { return alkaid_pool_create(nullptr, out); });
  TryHandle<alkaid_pool>("alkaid_pool_default", none,
                         [](int, alkaid_pool** out) { return alkaid_pool_default(out); });
  TryHandle<alkaid_pool>("alkaid_pool_proxy", PoolHandle, [](auto& pool, alkaid_pool** out) {
    return alkaid_pool_proxy(pool.held, out);
  });
  TryHandle<alkaid_pool>("alkaid_pool_capped", PoolHandle, [](auto& pool, alkaid_pool** out) {
    return alkaid_pool_capped(pool.held, 1000, out);
  });
  TryHandle<alkaid_pool>("alkaid_pool_quota", PoolHandle, [](auto& pool, alkaid_pool** out) {
    return alkaid_pool_quota(pool.held, 1000, out);
  });
  FailureSuite::Try(
      "alkaid_pool_backends", kStatus, [](MemoryPool*) { return 0; },
      [](int&) -> Result<std::string> {
        alkaid_strings* names = nullptr;
        ALKAID_RETURN_NOT_OK(StatusOf(alkaid_pool_backends(&names)));
        std::string text;
        {
          const failing::NewFault armed = std::exchange(failing::new_fault, {});
          for (int64_t i = 0; i < alkaid_strings_count(names); ++i) {
            text += alkaid_strings_get(names, i);
          }
          failing::new_fault.struck = armed.struck;
        }
        alkaid_strings_release(names);
        return text;
      },
      [](int&, const std::string& text) { return text; });
  struct Block {
    Held<alkaid_pool> pool;
    void* block = nullptr;
    int64_t size = 0;

    explicit Block(MemoryPool* of) : pool(PoolHandle(of)) {}
    Block(Block&& other) noexcept
        : pool(std::move(other.pool)),
          block(std::exchange(other.block, nullptr)),
          size(other.size) {}
    Block& operator=(Block&&) = delete;
    ~Block() {
      if (block != nullptr) alkaid_pool_free(pool.held, block, size, 0);
    }
  };
  TryCall(
      "alkaid_pool_allocate", [](MemoryPool* pool) { return Block(pool); },
      [](Block& block) {
        block.size = 100;
        return alkaid_pool_allocate(block.pool.held, 100, 0, &block.block);
      },
      [](Block& block) { return absl::StrCat(block.block != nullptr); });
  TryCall(
      "alkaid_pool_reallocate",
      [](MemoryPool* pool) {
        Block block(pool);
        EXPECT_EQ(alkaid_pool_allocate(block.pool.held, 100, 0, &block.block), ALKAID_OK);
        block.size = 100;
        return block;
      },
      [](Block& block) {
        const auto status = alkaid_pool_reallocate(block.pool.held, 100, 5000, 0, &block.block);
        if (status == ALKAID_OK) block.size = 5000;
        return status;
      },
      [](Block& block) { return absl::StrCat(block.size); });
}

TEST_F(COutOfMemory, Buffers) {
  const auto filled = [](MemoryPool* pool) { return BufferHandle(FilledBuffer(pool)); };
  const auto resizable = [](MemoryPool* pool) {
    alkaid_buffer* buffer = nullptr;
    EXPECT_EQ(alkaid_buffer_allocate_resizable(10, 0, PoolHandle(pool).held, &buffer), ALKAID_OK);
    return Held<alkaid_buffer>(buffer);
  };
  TryHandle<alkaid_buffer>("alkaid_buffer_allocate", PoolHandle, [](auto& pool, auto** out) {
    return alkaid_buffer_allocate(100, 0, pool.held, out);
  });
  TryHandle<alkaid_buffer>("alkaid_buffer_allocate_resizable", PoolHandle,
                           [](auto& pool, auto** out) {
                             return alkaid_buffer_allocate_resizable(100, 0, pool.held, out);
                           });
  const auto count = [](void* context) { ++*static_cast<int*>(context); };
  for (const bool can_be_written : {false, true}) {
    TryHandle<alkaid_buffer>(
        "alkaid_buffer_from_foreign", [](MemoryPool*) { return std::make_unique<int>(0); },
        [&](auto& released, alkaid_buffer** out) {
          static char bytes[] = "bytes";
          const int before = *released;
          const alkaid_status status =
              can_be_written
                  ? alkaid_buffer_from_foreign_mutable(bytes, 5, count, released.get(), out)
                  : alkaid_buffer_from_foreign(bytes, 5, count, released.get(), out);
          EXPECT_EQ(*released, before) << "what fails takes nothing over";
          return status;
        });
  }
  TryHandle<alkaid_buffer>("alkaid_buffer_slice", filled, [](auto& buffer, auto** out) {
    return alkaid_buffer_slice(buffer.held, 1, 9, out);
  });
  TryHandle<alkaid_buffer>("alkaid_buffer_slice_mutable", filled, [](auto& buffer, auto** out) {
    return alkaid_buffer_slice_mutable(buffer.held, 1, 9, out);
  });
  FailureSuite::Try(
      "alkaid_buffer_copy", kStatus,
      [](MemoryPool* pool) {
        return Objects(pool, std::pair(BufferHandle(FilledBuffer(pool)), PoolHandle(pool)));
      },
      [](auto& objects) {
        return HandleOf<alkaid_buffer>([&](alkaid_buffer** out) {
          return alkaid_buffer_copy(objects.value.first.held, 1, 9, objects.value.second.held, out);
        });
      },
      [](auto&, const auto& buffer) { return TextOf(buffer); });
  TryHandle<alkaid_buffer>(
      "alkaid_buffer_parent",
      [](MemoryPool* pool) { return BufferHandle(SliceBuffer(FilledBuffer(pool), 1, 2)); },
      [](auto& buffer, auto** out) { return alkaid_buffer_parent(buffer.held, out); });
  const auto size = [](Held<alkaid_buffer>& buffer) {
    return absl::StrCat(buffer.held->buffer->size(), " ", buffer.held->buffer->capacity());
  };
  TryCall(
      "alkaid_buffer_resize", resizable,
      [](auto& buffer) { return alkaid_buffer_resize(buffer.held, 9000); }, size);
  TryCall(
      "alkaid_buffer_reserve", resizable,
      [](auto& buffer) { return alkaid_buffer_reserve(buffer.held, 9000); }, size);
}

TEST_F(COutOfMemory, Datagrams) {
  struct Run {
    Held<alkaid_pool> pool;
    Held<alkaid_buffer> bytes;
    std::string path;

    alkaid_reader_options options() const {
      alkaid_reader_options made = {};
      made.struct_size = sizeof(made);
      made.batch_bytes = 500;
      made.pool = pool.held;
      return made;
    }
  };
  const events::RunFiles files;
  const auto run = [&](MemoryPool* pool) {
    return Run{PoolHandle(pool), BufferHandle(Buffer::FromString(fixtures::Run(3))),
               files.big_paths()[0]};
  };
  const auto reader = [&](MemoryPool* pool) {
    const Run from = run(pool);
    const alkaid_reader_options options = from.options();
    alkaid_reader* made = nullptr;
    EXPECT_EQ(alkaid_reader_open(from.path.c_str(), &options, &made), ALKAID_OK);
    return Held<alkaid_reader>(made);
  };
  const auto batch = [&](MemoryPool* pool) {
    alkaid_reader* over = nullptr;
    alkaid_batch* made = nullptr;
    EXPECT_EQ(alkaid_reader_open_buffer(run(pool).bytes.held, nullptr, &over), ALKAID_OK);
    EXPECT_EQ(alkaid_reader_next(over, &made), ALKAID_OK);
    alkaid_reader_release(over);
    return Held<alkaid_batch>(made);
  };
  const auto dgram = [](MemoryPool*) { return DgramHandle(); };
  TryHandle<alkaid_reader>("alkaid_reader_open", run, [](Run& from, auto** out) {
    const alkaid_reader_options options = from.options();
    return alkaid_reader_open(from.path.c_str(), &options, out);
  });
  TryHandle<alkaid_reader>("alkaid_reader_open_buffer", run, [](Run& from, auto** out) {
    return alkaid_reader_open_buffer(from.bytes.held, nullptr, out);
  });
  TryHandle<alkaid_batch>("alkaid_reader_next", reader, [](auto& from, auto** out) {
    return alkaid_reader_next(from.held, out);
  });
  TryHandle<alkaid_buffer>("alkaid_batch_buffer", batch, [](auto& from, auto** out) {
    return alkaid_batch_buffer(from.held, out);
  });
  TryHandle<alkaid_configuration>("alkaid_batch_configuration", batch, [](auto& of, auto** out) {
    return alkaid_batch_configuration(of.held, out);
  });
  TryHandle<alkaid_dgram>("alkaid_batch_next", batch,
                          [](auto& from, auto** out) { return alkaid_batch_next(from.held, out); });
  TryHandle<alkaid_dgram>(
      "alkaid_dgram_from_buffer",
      [](MemoryPool*) { return BufferHandle(Buffer::FromString(fixtures::Configure())); },
      [](auto& buffer, auto** out) {
        return alkaid_dgram_from_buffer(buffer.held, 0, nullptr, out);
      });
  FailureSuite::Try(
      "alkaid_dgram_copy", kStatus,
      [](MemoryPool* pool) { return Objects(pool, std::pair(DgramHandle(), PoolHandle(pool))); },
      [](auto& objects) {
        return HandleOf<alkaid_dgram>([&](alkaid_dgram** out) {
          return alkaid_dgram_copy(objects.value.first.held, objects.value.second.held, out);
        });
      },
      [](auto&, const auto& copy) { return TextOf(copy); });
  TryHandle<alkaid_buffer>("alkaid_dgram_buffer", dgram, [](auto& from, auto** out) {
    return alkaid_dgram_buffer(from.held, out);
  });
  TryHandle<alkaid_configuration>("alkaid_dgram_configuration", dgram, [](auto& of, auto** out) {
    return alkaid_dgram_configuration(of.held, out);
  });
}

TEST_F(COutOfMemory, Fields) {
  const auto dgram = [](MemoryPool*) { return DgramHandle(); };
  const auto configuration = [](MemoryPool*) {
    alkaid_configuration* made = nullptr;
    EXPECT_EQ(alkaid_dgram_configuration(DgramHandle().held, &made), ALKAID_OK);
    return Held<alkaid_configuration>(made);
  };
  TryHandle<alkaid_field_key>("alkaid_configuration_find", configuration, [](auto& of, auto** out) {
    return alkaid_configuration_find(of.held, "det", 0, "raw", "image", out);
  });
  TryHandle<alkaid_field>("alkaid_dgram_find", dgram, [](auto& in, auto** out) {
    return alkaid_dgram_find(in.held, "det", 0, "raw", "image", out);
  });
  struct Keyed {
    Held<alkaid_dgram> dgram = DgramHandle();
    Held<alkaid_configuration> configuration;
    Held<alkaid_field_key> key;
  };
  TryHandle<alkaid_field>(
      "alkaid_dgram_get_field",
      [](MemoryPool*) {
        Keyed made;
        EXPECT_EQ(alkaid_dgram_configuration(made.dgram.held, &made.configuration.held), ALKAID_OK);
        EXPECT_EQ(alkaid_configuration_find(made.configuration.held, "det", 0, "raw", "last",
                                            &made.key.held),
                  ALKAID_OK);
        return made;
      },
      [](Keyed& in, auto** out) {
        return alkaid_dgram_get_field(in.dgram.held, in.key.held, out);
      });
  TryHandle<alkaid_field>("alkaid_dgram_next_field", dgram, [](auto& in, auto** out) {
    return alkaid_dgram_next_field(in.held, out);
  });
  // The second field of a walk whose first one is kept.
  struct Walk {
    Held<alkaid_dgram> dgram = DgramHandle();
    Held<alkaid_field> at;
    Held<alkaid_field> kept;
  };
  TryCall(
      "alkaid_dgram_next_field with one that is kept",
      [](MemoryPool*) {
        Walk walk;
        EXPECT_EQ(alkaid_dgram_next_field(walk.dgram.held, &walk.at.held), ALKAID_OK);
        alkaid_field_retain(walk.at.held);
        walk.kept = Held<alkaid_field>(walk.at.held);
        return walk;
      },
      [](Walk& walk) { return alkaid_dgram_next_field(walk.dgram.held, &walk.at.held); },
      [](Walk& walk) { return TextOf(walk.at) + " " + TextOf(walk.kept); });
  TryHandle<alkaid_buffer>(
      "alkaid_field_buffer", [](MemoryPool*) { return FieldHandle("image"); },
      [](auto& field, auto** out) { return alkaid_field_buffer(field.held, out); });
}

TEST_F(COutOfMemory, Events) {
  const events::RunFiles files;
  struct Streams {
    const events::RunFiles* files;
    Held<alkaid_pool> pool;
    Held<alkaid_events> events;

    alkaid_status Open(bool big, alkaid_events** out) const {
      alkaid_events_options options = {};
      options.struct_size = sizeof(options);
      options.batch_size = 2;
      options.prefetch = -1;
      options.pool = pool.held;
      return alkaid_events_open(files->small_paths(), big ? files->big_paths() : nullptr, 2,
                                &options, out);
    }
  };
  for (const bool big : {false, true}) {
    const auto streams = [&](MemoryPool* pool) {
      return Streams{&files, PoolHandle(pool), Held<alkaid_events>()};
    };
    const auto opened = [&](MemoryPool* pool) {
      Streams made = streams(pool);
      EXPECT_EQ(made.Open(big, &made.events.held), ALKAID_OK);
      return made;
    };
    TryHandle<alkaid_events>("alkaid_events_open", streams,
                             [&](Streams& from, auto** out) { return from.Open(big, out); });
    TryHandle<alkaid_event>("alkaid_events_next", opened, [](Streams& from, auto** out) {
      return alkaid_events_next(from.events.held, out);
    });
    struct First {
      Streams streams;
      Held<alkaid_event> event;
    };
    TryHandle<alkaid_dgram>(
        "alkaid_event_dgram",
        [&](MemoryPool* pool) {
          First first{opened(pool), Held<alkaid_event>()};
          EXPECT_EQ(alkaid_events_next(first.streams.events.held, &first.event.held), ALKAID_OK);
          return first;
        },
        [](First& first, auto** out) { return alkaid_event_dgram(first.event.held, 0, out); });
  }
}

template <typename T>
struct Structs {
  explicit Structs(Held<T> from) : handle(std::move(from)) {}
  Structs(Structs&& other) noexcept
      : handle(std::move(other.handle)),
        schema(std::exchange(other.schema, {})),
        array(std::exchange(other.array, {})) {}
  Structs& operator=(Structs&&) = delete;
  ~Structs() {
    if (schema.release != nullptr) schema.release(&schema);
    if (array.release != nullptr) array.release(&array);
  }
  Held<T> handle;
  ArrowSchema schema = {};
  ArrowArray array = {};
};

// What a consumer does, with memory: imports the structure again, which is destroyed with its
// tensor.
void TakeIn(DLManagedTensorVersioned* managed) {
  const failing::NewFault armed = std::exchange(failing::new_fault, {});
  if (managed != nullptr) {
    EXPECT_TRUE(interop::ImportDLPack(managed).ok());
  }
  failing::new_fault.struck = armed.struck;
}

TEST_F(COutOfMemory, Exchange) {
  const auto field = [](MemoryPool*) { return Structs(FieldHandle("image")); };
  const auto buffer = [](MemoryPool* pool) { return Structs(BufferHandle(FilledBuffer(pool))); };
  const auto outcome = [](auto& made) {
    return absl::StrCat(made.array.length, " ", made.schema.format);
  };
  TryCall(
      "alkaid_field_to_arrow", field,
      [](auto& in) {
        return alkaid_field_to_arrow(in.handle.held, ALKAID_COPY_ALWAYS, &in.schema, &in.array);
      },
      outcome);
  TryCall(
      "alkaid_buffer_to_arrow", buffer,
      [](auto& in) {
        return alkaid_buffer_to_arrow(in.handle.held, ALKAID_COPY_NEVER, &in.schema, &in.array);
      },
      outcome);
  TryCall(
      "alkaid_field_to_dlpack", field,
      [](auto& in) {
        DLManagedTensorVersioned* managed = nullptr;
        const auto status = alkaid_field_to_dlpack(in.handle.held, ALKAID_COPY_IF_NEEDED, &managed);
        TakeIn(managed);
        return status;
      },
      [](auto&) { return ""; });
  TryCall(
      "alkaid_buffer_to_dlpack", buffer,
      [](auto& in) {
        DLManagedTensorVersioned* managed = nullptr;
        const auto status = alkaid_buffer_to_dlpack(in.handle.held, ALKAID_COPY_NEVER, &managed);
        TakeIn(managed);
        return status;
      },
      [](auto&) { return ""; });
}

// Functions that cannot report a failure do without memory.
TEST(COutOfMemoryOf, MessagesAndWhatNeedsNone) {
  FailureSuite::TryInChildren("the first message of a thread", kGoesOn, [] {
    const alkaid_status status = alkaid_buffer_resize(nullptr, 1);
    EXPECT_EQ(status, ALKAID_INVALID);
    EXPECT_STRNE(alkaid_last_error(), "");
  });
  FailureSuite::Try(
      "figures, labels, values", kNeedsNone,
      [](MemoryPool* pool) {
        uint32_t outer = 0;
        EXPECT_EQ(alkaid_label_push("c.failure", &outer), ALKAID_OK);
        EXPECT_EQ(alkaid_label_pop(outer), ALKAID_OK);
        return std::pair(PoolHandle(pool), FieldHandle("count"));
      },
      [](auto& objects) {
        alkaid_pool_figures figures = {};
        figures.struct_size = sizeof(figures);
        int64_t value = 0;
        uint32_t outer = 0;
        EXPECT_EQ(alkaid_pool_get_figures(objects.first.held, &figures), ALKAID_OK);
        EXPECT_EQ(alkaid_label_push("c.failure", &outer), ALKAID_OK);
        EXPECT_EQ(alkaid_label_pop(outer), ALKAID_OK);
        EXPECT_EQ(alkaid_field_get_int64(objects.second.held, &value), ALKAID_OK);
        return value;
      },
      [](auto&, int64_t value) { return absl::StrCat(value); });
}

}  // namespace
}  // namespace alkaid::c

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
