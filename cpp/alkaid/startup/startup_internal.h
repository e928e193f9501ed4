// The parts of start-up that have a file of their own.
//
// Threads: before main. Out of memory: std::bad_alloc ends the program.
#pragma once

namespace alkaid::internal {

// ALKAID_RESERVATIONS.
void StartReservations();

}  // namespace alkaid::internal
