// What a leak profile's file says about its run: which process, which command, and how it ended. It
// stands in a comment after the NumPy header's dictionary, which NumPy ignores:
//
//   {'descr': '<f8', ..., 'shape': (     120, 10), } # process 4711 has not ended: ./reader run7
//
// A process that profiles itself (process_profile.h) holds a lock on its file while it runs. So a
// file whose run "has not ended" and that no process has locked is of a process that ended without
// a last word: by SIGKILL, a signal outside ALKAID_EXIT_SIGNALS, abort or _exit. The lock goes with
// the process, however it ends, and other containers see it. While the process runs, a copy of its
// file looks like that of a process that ended without a last word.
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
    kNotRecorded,  // nothing is known about the run
    kNormal,       // by exit or by returning from main
    kSignal,       // by one of ALKAID_EXIT_SIGNALS, after everything was written
    kRunning,
    kWithoutWord,
    kNotKnown,  // it has not ended normally, and the file system supports no locks
  };

  End end = End::kNotRecorded;
  uint32_t process = 0;
  int signal = 0;
  std::string command = {};  // as a shell accepts it; empty where not known

  friend bool operator==(const LeakProfileRun&, const LeakProfileRun&) = default;
};

// The comment, for kNormal, kSignal and kRunning.
ALKAID_EXPORT std::string RunComment(const LeakProfileRun& run);
// Parses such a comment: kRunning where the run has not ended, kNotRecorded for any other text.
ALKAID_EXPORT LeakProfileRun ParseRunComment(std::string_view comment);
ALKAID_EXPORT bool SaysHasNotEnded(std::string_view comment);

// "./reader run7, process 4711: ended normally; the last of its stamps is of 2026-11-21 12:09:31
// UTC". Empty for kNotRecorded; the time is left out where it is not known.
ALKAID_EXPORT std::string RunText(const LeakProfileRun& run, double last_stamp_s);
// "normal", "signal", "running", "without a word", "not known", "not recorded".
ALKAID_EXPORT std::string_view RunEndName(LeakProfileRun::End end);

// This process and its command, as a run that has not ended. The command is unknown where it has
// more than 600 characters, or one that is not printable ASCII.
ALKAID_EXPORT LeakProfileRun ThisRun();

// The run of a file; looks whether its process has it locked. Errors: as ReadLeakProfile.
ALKAID_EXPORT Result<LeakProfileRun> ReadLeakProfileRun(const std::string& path);

}  // namespace alkaid::growth
