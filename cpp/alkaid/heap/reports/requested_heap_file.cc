#include <unistd.h>

#include <array>
#include <atomic>
#include <exception>
#include <new>

#include "alkaid/base/environment.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/number_text.h"
#include "alkaid/base/output_name.h"
#include "alkaid/base/write_signals_internal.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/memory_reserve_internal.h"
#include "alkaid/heap/reports/requested_heap_file_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

using internal::GetEnvironment;
using internal::Grouped;
using internal::kTrackAllocationsVariable;

// Released while a request is answered: memory may be exhausted.
constinit MemoryReserve reserve;
constinit std::atomic<bool> is_expected{false};
constinit std::atomic<uint64_t> files{0};

// See first_made.h. In the child: a fork while a file is written leaves nothing set aside.
[[gnu::constructor]] void GuardReserve() {
  internal::GuardFork([] {}, [] {},
                      [] {
                        if (is_expected) reserve.SetAside();
                      });
}

Status TakeAndWrite(const std::string& name, const std::string& file, bool tell) {
  ALKAID_ASSIGN_OR_RAISE(const HeapSnapshot snapshot, HeapSnapshot::Take(name));
  // Before writing: once the file is complete, nothing may fail.
  const std::string bytes = Grouped(snapshot.bytes());
  const std::string blocks = Grouped(snapshot.block_count());
  ALKAID_RETURN_NOT_OK(WriteHeapFile(snapshot, file));
  if (tell) {
    internal::Notice(bytes, " bytes in ", blocks, " live blocks written to ", file);
  }
  return absl::OkStatus();
}

// Starts tracking if it is off.
Status TrackFromNowOn(const std::string& name, const std::string& file) {
  if (IsTracking()) return absl::OkStatus();
  const std::string text = GetEnvironment(kTrackAllocationsVariable);
  ALKAID_ASSIGN_OR_RAISE(const TrackingOptions options,
                         ParseTrackingOptions(text.empty() || text == "0" ? "1" : text));
  ALKAID_RETURN_NOT_OK(StartTracking(options));
  internal::Notice("live memory was not tracked before ", name, ", and is from now on: ", file,
                   " does not list the blocks from before");
  return absl::OkStatus();
}

std::string NameOf(uint64_t number, RequestedBy by, std::string_view name) {
  switch (by) {
    case RequestedBy::kSignal:
      return "signal " + std::to_string(number);
    case RequestedBy::kCall:
      return std::string(name);
    case RequestedBy::kExit:
      return "exit";
  }
  return "";
}

void WriteOrThrow(const HeapFileRequest& request, uint64_t number, RequestedBy by,
                  std::string_view asked) {
  const std::string file = internal::OwnOutputName(*request.pattern, request.owner, number);
  const bool at_exit = by == RequestedBy::kExit;
  const std::string name = NameOf(number, by, asked);
  Status status = at_exit ? absl::OkStatus() : TrackFromNowOn(name, file);
  if (status.ok()) status = TakeAndWrite(name, file, !at_exit);
  if (!status.ok()) internal::Notice("no heap file ", file, ": ", internal::MessageIn(status));
}

void SayNoFile(const HeapFileRequest& request, uint64_t number, std::string_view why) {
  std::array<char, 2048> room;
  internal::Notice("no heap file ",
                   internal::OwnOutputName(*request.pattern, request.owner, number, room), ": ",
                   why);
}

}  // namespace

Result<HeapFileRequest> MakeHeapFileRequest(const std::string& pattern, uint32_t owner) {
  if (pattern.empty()) return status::Invalid("a heap file without a name cannot be written");
  const InsideTracking inside;  // the library's own block must not be listed
  return HeapFileRequest{std::make_shared<const std::string>(pattern),
                         owner != 0 ? owner : static_cast<uint32_t>(::getpid())};
}

void ExpectRequestedHeapFiles() {
  is_expected = true;
  reserve.SetAside();
  ExpectHeapFiles();
}

void LetGoOfHeapFileReserve() { reserve.LetGo(); }

void WriteRequestedHeapFile(const HeapFileRequest& request, RequestedBy by,
                            std::string_view name) noexcept {
  if (!MayWriteHeapFiles()) return;
  const InsideTracking inside;
  const internal::WriteSignalsBlocked blocked;
  reserve.LetGo();
  const uint64_t number = files.fetch_add(1) + 1;
  try {
    WriteOrThrow(request, number, by, name);
  } catch (const std::bad_alloc&) {
    SayNoFile(request, number, "out of memory");
  } catch (const std::exception& error) {
    SayNoFile(request, number, error.what());
  }
  if (by != RequestedBy::kExit) reserve.SetAside();
}

void SayNoHeapFile(const HeapFileRequest& request, std::string_view why) noexcept {
  SayNoFile(request, files.load() + 1, why);
}

}  // namespace alkaid::heap
