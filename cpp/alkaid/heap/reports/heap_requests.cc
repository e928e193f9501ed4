#include "alkaid/heap/reports/heap_requests.h"

#include <charconv>
#include <csignal>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/spare_stack_internal.h"
#include "alkaid/base/write_signals_internal.h"
#include "alkaid/core/buffers/block_cache_internal.h"
#include "alkaid/heap/reports/heap_signal_internal.h"
#include "alkaid/heap/reports/requested_heap_file_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

struct AtExit {
  internal::ForkGuarded<std::mutex> lock;
  HeapFileRequest request;  // guarded by it
};

AtExit& TheAtExit() {
  static auto* const at_exit = new AtExit;
  return *at_exit;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheAtExit(); }

void AnswerAtExit() {
  AtExit& at_exit = TheAtExit();
  HeapFileRequest request;
  {
    const std::lock_guard guard(at_exit.lock);
    request = at_exit.request;
  }
  AnswerLastHeapSignals();
  if (request.pattern == nullptr) return;
  alkaid::internal::ReleaseKeptBlocks();
  WriteRequestedHeapFile(request, RequestedBy::kExit);
}

// Does not wait for the lock: the thread that holds it may wait for this one forever, since this
// one may be inside the allocator.
void SayWhyNothingAtExit(std::string_view why) {
  AtExit& at_exit = TheAtExit();
  if (!at_exit.lock.try_lock()) {
    internal::Notice("no heap file: ", why);
    return;
  }
  if (at_exit.request.pattern != nullptr) {
    SayNoHeapFile(at_exit.request, why);
  } else {
    LeaveOutLastHeapSignals(why);
  }
  at_exit.lock.unlock();
}

constexpr internal::ExitTask exit_task = {
    .rank = internal::ExitRank::kHeapFiles,
    .write = AnswerAtExit,
    .leave_out = SayWhyNothingAtExit,
    .confined = AnswerAtExit,  // then only other threads write
    .make_room = LetGoOfHeapFileReserve};

}  // namespace

Status WriteHeapFileOnSignal(int signal, const std::string& pattern, uint32_t owner) try {
  ALKAID_ASSIGN_OR_RAISE(HeapFileRequest request, MakeHeapFileRequest(pattern, owner));
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&exit_task));
  ALKAID_RETURN_NOT_OK(AnswerHeapSignal(signal, std::move(request)));
  ExpectRequestedHeapFiles();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status WriteHeapFileAtExit(const std::string& pattern, uint32_t owner) try {
  ALKAID_ASSIGN_OR_RAISE(HeapFileRequest request, MakeHeapFileRequest(pattern, owner));
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&exit_task));
  AtExit& at_exit = TheAtExit();
  const std::lock_guard guard(at_exit.lock);
  at_exit.request = std::move(request);
  ExpectRequestedHeapFiles();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void WriteHeapFileNow(const std::string& pattern, std::string_view name, uint32_t owner) noexcept
    try {
  Result<HeapFileRequest> request = MakeHeapFileRequest(pattern, owner);
  if (!request.ok()) return internal::Notice("no heap file: ", request.status().message());
  struct Asked {
    const HeapFileRequest& request;
    std::string_view name;
  } asked{*request, name};
  const auto write = [](void* argument) {
    const InsideTracking inside;
    const Asked& wanted = *static_cast<Asked*>(argument);
    WriteRequestedHeapFile(wanted.request, RequestedBy::kCall, wanted.name);
  };
  // The thread's own stack may be small.
  const internal::WriteSignalsBlocked blocked;
  const int error = internal::CallOnSpareStack(write, &asked);
  if (error != 0) SayNoHeapFile(*request, ::strerrordesc_np(error));
} catch (const std::bad_alloc&) {
  internal::Notice("no heap file: out of memory");
}

Result<int> ParseSignal(std::string_view text) try {
  std::string_view name = text;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  int first = 0;
  if (name.starts_with("RTMIN+")) {
    name.remove_prefix(6);
    first = SIGRTMIN;
  }
  int number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && number >= 0 &&
      number <= SIGRTMAX - first && first + number > 0) {
    return first + number;
  }
  for (int i = 1; first == 0 && i < SIGRTMIN; ++i) {
    const char* abbreviation = ::sigabbrev_np(i);
    if (abbreviation != nullptr && name == abbreviation) return i;
  }
  return status::Invalid("\"", std::string(text),
                         "\" is not a signal; use for example USR2, SIGUSR2, 12 or RTMIN+3");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::heap
