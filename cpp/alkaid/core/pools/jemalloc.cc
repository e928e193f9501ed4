#include "alkaid/core/pools/jemalloc.h"

#include <sys/types.h>

#include <cerrno>
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

// True where `name` is a statistic of exactly type T.
template <typename T>
int Get(const char* name, int64_t* out) {
  T value{};
  size_t length = sizeof(value);
  const int error = je_alkaid_mallctl(name, &value, &length, nullptr, 0);
  if (error == 0) *out = static_cast<int64_t>(value);
  return error;
}

void AppendTo(void* write, const char* text) {
  (*static_cast<const std::function<void(const char*)>*>(write))(text);
}

}  // namespace

Status jemalloc_set_decay_ms(int ms) {
  if (ms < -1) {
    return status::Invalid("jemalloc_set_decay_ms: ", ms, " ms; the least is -1, which is never");
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
      // EFAULT: that arena has not been made yet; it will take the value set above.
      const int error = Set<ssize_t>(absl::StrCat("arena.", i, ".", kind), ms);
      if (error != 0 && error != EFAULT) {
        return status::IOError(error, "jemalloc_set_decay_ms: arena.", i, ".", kind);
      }
    }
  }
  return absl::OkStatus();
}

Result<int64_t> jemalloc_get_stat(const char* name) {
  Set<uint64_t>("epoch", 1);
  int64_t value = 0;
  // jemalloc answers EINVAL where the size asked for is not the statistic's own.
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

Status jemalloc_stats_print(const std::function<void(const char*)>& write, const char* opts) {
  if (!write) return status::Invalid("jemalloc_stats_print: no function to write with");
  je_alkaid_malloc_stats_print(AppendTo, const_cast<std::function<void(const char*)>*>(&write),
                               opts);
  return absl::OkStatus();
}

Result<std::string> jemalloc_stats_string(const char* opts) {
  std::string text;
  ALKAID_RETURN_NOT_OK(
      jemalloc_stats_print([&text](const char* piece) { text.append(piece); }, opts));
  return text;
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
