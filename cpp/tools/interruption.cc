#include "interruption.h"

#include <csignal>

namespace alkaid::tools {
namespace {

volatile std::sig_atomic_t came = 0;
void Note(int) { came = 1; }

}  // namespace

Interruption::Interruption() {
  std::signal(SIGINT, Note);
  std::signal(SIGTERM, Note);
}

Interruption::~Interruption() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool Interruption::Came() { return came != 0; }

}  // namespace alkaid::tools
