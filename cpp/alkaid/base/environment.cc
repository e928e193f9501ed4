#include "alkaid/base/environment.h"

#include <algorithm>
#include <cstdlib>

namespace alkaid::internal {

const std::vector<EnvironmentVariable>& HonouredEnvironmentVariables() {
  static const auto* const variables = new std::vector<EnvironmentVariable>{
      {kDefaultMemoryPoolVariable,
       "the backend of the default memory pool: mimalloc, jemalloc, system, or one that the "
       "program "
       "registered; read once, case counts"},
      {kDebugMemoryPoolVariable,
       "checks every block of pools and the bytes around it; on a fault abort, trap or warn; none "
       "is "
       "off; read once"},
      {kGuardedSamplingVariable,
       "places some blocks between pages that nobody can touch, so that a use after free or an "
       "overrun stops there: 1000 is one allocation in 1000, 64MiB one for each 64 MiB, 1000,64MiB "
       "both; not set, or 0, is none; read once"},
      {kReadQueueVariable,
       "how files are read ahead: io_uring, threads or inline; not set is io_uring where the "
       "kernel "
       "grants it, else threads; read whenever a queue is made"},
      {kTrackAllocationsVariable,
       "keeps a table of live allocations from the start: 1, or a list such as "
       "sample:524288,frames=16,unwinder=fp,views; not set, or 0, is off; read once"},
      {kHeapAtExitVariable,
       "a file of what is live when the process ends: %p becomes the process id; not set is none; "
       "live memory is tracked for it; read when the library is loaded"},
      {kHeapOwnerVariable,
       "the id of the process that the names of heap files and leak profiles are meant for, set "
       "by alkaid run: others append their own id to a name without %p; not set is any; read when "
       "the library is loaded"},
      {kHeapSignalVariable,
       "the signal that asks for a file of what is live now, such as USR2; not set is none; read "
       "when the library is loaded"},
      {kHeapFileVariable,
       "the name of the files that the signal asks for: %p becomes the process id and %n the "
       "file's number; not set is alkaid-heap.%p.%n; read when the library is loaded"},
      {kHeapAtStampsVariable,
       "the numbers, from 1, of the stamps at which the process writes a heap file of the name "
       "that "
       "the signal's have, such as 11,100; a program stamps by growth::StampEvent; not set is "
       "none; "
       "read when the library is loaded"},
      {kExitSignalsVariable,
       "signals, such as TERM or TERM,INT, that end the process only after what is written at exit "
       "is written: heap files, leak profiles, reservations; one that the program handles itself "
       "is "
       "left to it; not set is none; read when the library is loaded"},
      {kTraceGrowthVariable,
       "1: a line on stderr for each growth of a builder; not set, or 0, is none; read when the "
       "library is loaded"},
      {kReservationsVariable,
       "a file of what builders with a label hold at most: read when the library is loaded, and "
       "reserved from then on; what was learnt is written there when the process ends; not set is "
       "none"},
      {kLeakProfileVariable,
       "a leak profile, .npy, of one stamp for each event of the process: %p becomes the process "
       "id; not set is none; read when the library is loaded"},
      {kProfileReleaseAtVariable,
       "the number of the stamp, from 1, at which the leak profile tries what ReleaseUnused gives "
       "back; not set is the end of the process, where the program still holds what it held; read "
       "when the library is loaded"},
      {kProfileLeakMbVariable,
       "plants a leak of so many MB of 1,000,000 bytes at each stamp of a leak profile, to see "
       "that "
       "it is found; not set, or 0, is none; read once, when the first leak profile begins"},
      {kProfileLeakByVariable,
       "what the planted leak is made of: pool is blocks of the default memory pool, malloc is the "
       "C library's; not set is pool; read once, when the first leak profile begins"},
  };
  return *variables;
}

std::string GetEnvironment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value == nullptr ? "" : value;
}

std::string GetEnvironment(const char* name, const std::vector<std::string>& harmless) {
  const char* value = std::getenv(name);
  if (value == nullptr) return "";
  return std::ranges::find(harmless, value) != harmless.end() ? value : GetEnvironment(name);
}

}  // namespace alkaid::internal
