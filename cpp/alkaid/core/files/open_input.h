// Opens a file for reading, by a path that may name anything.
//
// A regular file is opened as `cat` opens it. Another process may hold a lease on it, as Samba and
// NFS servers do for their clients: the system then recalls the lease and waits, at most as long as
// /proc/sys/fs/lease-break-time says. Nothing else is waited for: a FIFO without a writer is opened
// at once, so that it can be refused.
//
// Ownership: the caller owns the descriptor. Threads: any. Out of memory: allocates nothing.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::io {

// A descriptor above 2, closed on exec; -1 with errno if the system refuses.
ALKAID_EXPORT int OpenInput(const char* path);

}  // namespace alkaid::io
