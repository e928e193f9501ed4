// The temporary files beside outputs, and what killed writers leave of them.
//
// A temporary file of "run.xtc2" is called ".run.xtc2.<process>-<boot>-<random>.tmp", where <boot>
// are the first 16 digits of the kernel's boot id. Its writer holds a lock on it (flock) from
// before it writes the first byte until the file has its name or is removed; the kernel lets go of
// the lock when the writer is gone, however that ended, and children that it forked too.
//
// Names cannot be guessed, and are made with O_EXCL: what another put there, a link too, is never
// opened.
//
// A leftover is removed only where it is certainly dead:
// - the lock is free, and there is no process of that id but the one that asks;
// - it has this kernel's boot id. Other hosts may write into the same folder, by NFS, and their locks
//   may not be seen here; so what another host left, or this one before it was started anew, stays.
// Where the file system has no locks the name has no boot id, ".run.xtc2.<process>-<random>.tmp",
// and nobody removes it.
//
// Threads: any; other processes too. Out of memory: may throw std::bad_alloc.
#pragma once

#include <sys/types.h>

#include <string>

#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::io::internal {

struct TemporaryFile {
  // Locked and above the standard streams; -1 where `error` says why there is no file.
  alkaid::internal::FileDescriptor fd;
  std::string name;
  int error = 0;
};

// Of the output `file` in the same folder. An O_PATH descriptor will do.
TemporaryFile MakeTemporaryFile(int directory, const std::string& file, mode_t mode);

// Removes those of `file` that are certainly dead. Looks at the first 100,000 names of the folder.
// What cannot be read or removed stays, without a word. `directory` is opened for reading.
void RemoveLeftovers(int directory, const std::string& file);

}  // namespace alkaid::io::internal
