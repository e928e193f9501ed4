// ALKAID_RESERVATIONS: the file is read and applied when the library is loaded, and written when
// the process ends.

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "alkaid/base/environment.h"
#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/growth/reservation_advisor.h"
#include "alkaid/startup/startup_internal.h"

namespace alkaid::internal {
namespace {

using growth::ReservationAdvisor;

struct Request {
  explicit Request(std::string path) : file(std::move(path)) {}

  std::string file;
  ReservationAdvisor advisor;
  // A forked child is not the process that was asked.
  pid_t process = ::getpid();
  uint64_t forks = ForkGeneration();
};

Request* the_request = nullptr;

void Say(std::string_view file, std::string_view what, std::string_view more = {}) noexcept {
  try {
    Notice(kReservationsVariable, "=", Printable(file), ": ", Printable(what), Printable(more));
  } catch (const std::bad_alloc&) {
    Notice(kReservationsVariable, ": ", what, more);
  }
}

void SaveReservationsAtExit() {
  // If it watched nothing, it has nothing to add to what others may have written meanwhile.
  if (the_request->process != ::getpid() || the_request->advisor.builders() == 0) return;
  try {
    const Status status = the_request->advisor.Save(the_request->file);
    if (!status.ok()) Say(the_request->file, "not written: ", MessageIn(status));
  } catch (const std::exception& error) {
    Say(the_request->file, "not written: ", error.what());
  }
}

void SayWhyNoReservations(std::string_view why) {
  if (the_request->process == ::getpid()) Notice(kReservationsVariable, ": not written: ", why);
}

void SayConfined() {
  if (the_request->forks != ForkGeneration()) return;
  Notice(kReservationsVariable, ": not written: ", kConfinedAtExit);
}

constexpr ExitTask at_exit = {.rank = ExitRank::kReservations,
                              .write = SaveReservationsAtExit,
                              .leave_out = SayWhyNoReservations,
                              .confined = SayConfined};

}  // namespace

void StartReservations() {
  const std::string file = GetEnvironment(kReservationsVariable);
  if (file.empty()) return;
  try {
    // The program may change its folder before it ends.
    auto request = std::make_unique<Request>(std::filesystem::absolute(file).string());
    const Status status = request->advisor.Load(request->file);
    if (!status.ok() && status.code() != StatusCode::kNotFound) {
      // A file that is not a list of reservations belongs to somebody, and stays as it is.
      Say(file, MessageIn(status), "; nothing is reserved, and nothing will be written");
      return;
    }
    the_request = request.release();  // never destroyed: static builders end late
    the_request->advisor.Install();
    const Status registered = WriteAtExit(&at_exit);
    if (!registered.ok()) Say(file, MessageIn(registered), "; nothing will be written");
  } catch (const std::exception& error) {
    Say(file, error.what(), "; nothing is reserved");
  }
}

}  // namespace alkaid::internal
