#include "tools/support/interruption.h"

namespace alkaid::tools {
namespace {

volatile std::sig_atomic_t came = 0;

struct sigaction ActionOf(void (*handler)(int)) {
  // Without SA_RESTART.
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  return action;
}

}  // namespace

void Interruption::Note(int signal) {
  came = signal;
  const struct sigaction usual = ActionOf(SIG_DFL);
  for (const int noted : kNoted) {
    struct sigaction now;
    if (::sigaction(noted, nullptr, &now) == 0 && now.sa_handler == Note) {
      ::sigaction(noted, &usual, nullptr);
    }
  }
}

Interruption::Interruption() {
  const struct sigaction note = ActionOf(Note);
  for (size_t i = 0; i < kNoted.size(); ++i) {
    ::sigaction(kNoted[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kNoted[i], &note, nullptr);
  }
  const struct sigaction ignore = ActionOf(SIG_IGN);
  ::sigaction(SIGXFSZ, &ignore, nullptr);
}

Interruption::~Interruption() {
  for (size_t i = 0; i < kNoted.size(); ++i) ::sigaction(kNoted[i], &before_[i], nullptr);
}

bool Interruption::Came() { return came != 0; }
int Interruption::ExitCode() { return kExitSignal + came; }

int Interruption::Report(const Status& status) {
  const int code = ReportStatus(status);
  return code != kExitOk && Came() ? ExitCode() : code;
}

}  // namespace alkaid::tools
