#include "alkaid/core/pools/jemalloc.h"

#include <sys/types.h>

#include <cerrno>
#include <exception>
#include <string>

#if ALKAID_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace alkaid {

#if ALKAID_HAVE_JEMALLOC

namespace {

template <typename T>
int Set(const std::string& name, T value) {
  return je_alkaid_mallctl(name.c_str(), nullptr, nullptr, &value, sizeof(value));
}

// Succeeds if `name` is a statistic of exactly type T.
template <typename T>
int Get(const char* name, int64_t* out) {
  T value{};
  size_t length = sizeof(value);
  const int error = je_alkaid_mallctl(name, &value, &length, nullptr, 0);
  if (error == 0) *out = static_cast<int64_t>(value);
  return error;
}

// No exception may pass through jemalloc, which may hold locks.
struct Writing {
  const std::function<void(const char*)>& write;
  std::exception_ptr thrown = nullptr;
};

void Write(void* context, const char* text) noexcept {
  auto* const writing = static_cast<Writing*>(context);
  if (writing->thrown != nullptr) return;
  try {
    writing->write(text);
  } catch (...) {
    writing->thrown = std::current_exception();
  }
}

}  // namespace

Status jemalloc_set_decay_ms(int ms) try {
  if (ms < -1) {
    return status::Invalid("jemalloc_set_decay_ms: ", ms, " ms; the minimum is -1 (never)");
  }
  for (const std::string kind : {"dirty_decay_ms", "muzzy_decay_ms"}) {
    if (const int error = Set<ssize_t>("arenas." + kind, ms)) {
      return status::IOError(error, "jemalloc_set_decay_ms: arenas.", kind);
    }
    unsigned arenas = 0;
    size_t length = sizeof(arenas);
    if (const int error = je_alkaid_mallctl("arenas.narenas", &arenas, &length, nullptr, 0)) {
      return status::IOError(error, "jemalloc_set_decay_ms: arenas.narenas");
    }
    for (unsigned i = 0; i < arenas; ++i) {
      // EFAULT: that arena does not exist yet; it will take the value set above.
      const int error = Set<ssize_t>(absl::StrCat("arena.", i, ".", kind), ms);
      if (error != 0 && error != EFAULT) {
        return status::IOError(error, "jemalloc_set_decay_ms: arena.", i, ".", kind);
      }
    }
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int64_t> jemalloc_get_stat(const char* name) {
  Set<uint64_t>("epoch", 1);
  int64_t value = 0;
  // jemalloc returns EINVAL if the requested size is not the statistic's own.
  int error = Get<uint64_t>(name, &value);
  if (error == EINVAL) error = Get<uint32_t>(name, &value);
  if (error == EINVAL) error = Get<bool>(name, &value);
  if (error != 0) {
    return status::KeyError("jemalloc_get_stat: jemalloc has no integer statistic '", name, "'");
  }
  return value;
}

Status jemalloc_peak_reset() {
  const int error = je_alkaid_mallctl("thread.peak.reset", nullptr, nullptr, nullptr, 0);
  if (error != 0) return status::IOError(error, "jemalloc_peak_reset: thread.peak.reset");
  return absl::OkStatus();
}

Status jemalloc_stats_print(const char* opts) {
  je_alkaid_malloc_stats_print(nullptr, nullptr, opts);
  return absl::OkStatus();
}

Status jemalloc_stats_print(const std::function<void(const char*)>& write, const char* opts) try {
  if (!write) return status::Invalid("jemalloc_stats_print: no function to write with");
  Writing writing{write};
  je_alkaid_malloc_stats_print(Write, &writing, opts);
  if (writing.thrown != nullptr) std::rethrow_exception(writing.thrown);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::string> jemalloc_stats_string(const char* opts) try {
  std::string text;
  ALKAID_RETURN_NOT_OK(
      jemalloc_stats_print([&text](const char* piece) { text.append(piece); }, opts));
  return text;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

#else

namespace {
Status NotBuilt(const char* function) {
  return status::NotImplemented(function, ": this build of Alkaid has no jemalloc");
}
}  // namespace

Status jemalloc_set_decay_ms(int) { return NotBuilt("jemalloc_set_decay_ms"); }
Result<int64_t> jemalloc_get_stat(const char*) { return NotBuilt("jemalloc_get_stat"); }
Status jemalloc_peak_reset() { return NotBuilt("jemalloc_peak_reset"); }
Status jemalloc_stats_print(const char*) { return NotBuilt("jemalloc_stats_print"); }
Status jemalloc_stats_print(const std::function<void(const char*)>&, const char*) {
  return NotBuilt("jemalloc_stats_print");
}
Result<std::string> jemalloc_stats_string(const char*) { return NotBuilt("jemalloc_stats_string"); }

#endif

}  // namespace alkaid
