// What a leak profile's file says of the run that it is of: which process, which command, and how it
// ended. It stands in a comment after the NumPy header's dictionary, which NumPy passes over:
//
//   {'descr': '<f8', ..., 'shape': (     120, 10), } # process 4711 has not ended: ./reader run7
//
// A process that profiles itself (process_profile.h) holds a lock on its file while it runs. So a
// file whose run "has not ended" and that nobody has locked is of a process that ended without a
// last word: SIGKILL, a signal that nothing was asked for, abort, _exit. The lock goes with the
// process, whatever way it ends, and is seen from other containers. A copy of a file whose process
// runs looks like one of a process that ended so.
//
// Files of LeakProfile::Save, of scripts and of other writers have no such comment.
//
// Ownership: values. Threads: free of state. Out of memory: std::bad_alloc, but kResourceExhausted
// from ReadLeakProfileRun.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::growth {

struct LeakProfileRun {
  enum class End {
    kNotRecorded,  // nothing is known of the run
    kNormal,       // by exit or by returning from main
    kSignal,       // by one of ALKAID_EXIT_SIGNALS, after all was written
    kRunning,
    kWithoutWord,
    kNotKnown,  // it has not ended normally, and the file system knows no locks
  };

  End end = End::kNotRecorded;
  uint32_t process = 0;
  int signal = 0;
  std::string command = {};  // as a shell takes it; empty where not known

  friend bool operator==(const LeakProfileRun&, const LeakProfileRun&) = default;
};

// The comment, for kNormal, kSignal and kRunning.
ALKAID_EXPORT std::string RunComment(const LeakProfileRun& run);
// What such a comment says, kRunning where the run has not ended. kNotRecorded for any other text.
ALKAID_EXPORT LeakProfileRun ParseRunComment(std::string_view comment);
ALKAID_EXPORT bool SaysHasNotEnded(std::string_view comment);

// "./reader run7, process 4711: ended normally; the last of its stamps is of 2026-11-21 12:09:31
// UTC". Empty for kNotRecorded; the time is left out where it is not known.
ALKAID_EXPORT std::string RunText(const LeakProfileRun& run, double last_stamp_s);
// "normal", "signal", "running", "without a word", "not known", "not recorded".
ALKAID_EXPORT std::string_view RunEndName(LeakProfileRun::End end);

// Of this process and its command, as one that runs. The command is not known where it takes more
// than 600 characters or has one that is no printable ASCII.
ALKAID_EXPORT LeakProfileRun ThisRun();

// Of a file, and of whether its process has it locked. Errors: as ReadLeakProfile.
ALKAID_EXPORT Result<LeakProfileRun> ReadLeakProfileRun(const std::string& path);

}  // namespace alkaid::growth
