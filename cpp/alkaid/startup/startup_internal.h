// The part of start-up that is in a file of its own.
//
// Threads: before main. Out of memory: std::bad_alloc ends the program.
#pragma once

namespace alkaid::internal {

// ALKAID_RESERVATIONS.
void StartReservations();

}  // namespace alkaid::internal
