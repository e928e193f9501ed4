# The tests in whose process a fork happens, by themselves or by what they use.
#
# ThreadSanitizer searches for locks that are taken in two orders. It follows 64 locks of a thread and
# ends a program whose thread holds more: so does one that forks, as it holds all of jemalloc's and of
# the library's tables. These tests run without the search, and all others with it. A test that forks
# and is not here ends with "CHECK failed: sanitizer_deadlock_detector.h".
include_guard(GLOBAL)

# Of programs of many tests: patterns of GoogleTest.
set(ALKAID_FORKING_TESTS
  *DeathTest.*
  *.*AChild*
  *.AForkedChild*
  AllocatorGateTest.*
  Confinement.*
  DurableFile.AWriteThatFailsInTheMiddleLeavesTheOldFileAndNothingElse
  DurableFile.WhatA*WriterLeftIsRemovedByTheNext
  DurableFile.WhatALivingWriterWritesIsLeftToIt
  DurableFile.WhatMayBeAnotherHostsOrNoLeftoverStays
  DurableFile.WithoutStandardStreamsPrintsDoNotLandInAnOutput
  FileDescriptor.AStandardStreamsNumberIsGivenBackForOneAboveThem
  FileDescriptor.WithoutRoomAboveItIsClosedAndTheReasonKept
  FirstBytes.AreLeftOutWhereTheKernelRefusesAndThatIsSaid
  ForkGuard.*
  IoUringReadQueue.IsNoStandardStream
  LiveCommandTest.*
  MakerCommand.CanBeInterruptedInARunWithoutEvents
  MakerCommand.CanBeLeftWhereItWaits*
  MakerCommand.HoldsTheValuesOfOneStreamAtATime
  MakerCommand.LeavesNothingAfterASignalAndExitsWithItsNumber
  MakerCommand.ReportsTheLimitOfAFilesSizeLikeAFullDisk
  MemoryPoolRegistry.AFactoryThat*
  MemoryPoolRegistry.ARegisteredBackendIsListedAndMadeAndCanNotBeTakenAgain
  MemoryPoolRegistry.AnUnknownValueFallsBackAndTheReasonNamesItAndTheBackendsThereAre
  MemoryPoolRegistry.TheVariableMayNameARegisteredBackend
  MemoryPoolRegistry.WithoutTheVariableTheFirstOfTheOrderServesAndTheReasonSaysSo
  OpenInputOf.AFileOnWhichAnotherProcessHoldsALeaseGivesItsBytes
  OverABadSector.*
  PoolCounters.AForkHandlerMayWaitForThreadsThatAllocateFirstOrEnd
  SharedRingTest.*
  StandardStreams.WhereTheyAreClosedNothingElseGetsTheirNumbersAndPrintsFail
  StderrText.*
  TableMutex.WhoHolds*
  ThreadId.*
  WriteSignals.*
)
# Of programs that are a test.
set(ALKAID_FORKING_PROGRAMS
  alkaid_debug_memory_pool_test
  alkaid_default_pool_environment_test
  alkaid_exit_signal_test
  alkaid_exit_task_test
  alkaid_fault_text_test
  alkaid_fork_test
  alkaid_growth_trace_test
  alkaid_guarded_fault_test
  alkaid_guarded_handler_test
  alkaid_guarded_sampling_test
  alkaid_heap_requests_test
  alkaid_heap_signal_test
  alkaid_late_fork_test
  alkaid_padding_environment_test
  alkaid_parked_workers_test
  alkaid_process_profile_test
  alkaid_raised_privileges_test
  alkaid_reservations_replay_test
  alkaid_startup_environment_test
  alkaid_thread_end_test
  alkaid_tracking_environment_test
  alkaid_tracking_fork_test
)
set(ALKAID_WITHOUT_LOCK_ORDER
  ENVIRONMENT_MODIFICATION "TSAN_OPTIONS=path_list_append:detect_deadlocks=0")

# alkaid_tests_fork(test...): of tests that fork; nothing but where ThreadSanitizer is.
function(alkaid_tests_fork)
  if(ALKAID_SANITIZE STREQUAL "thread")
    set_tests_properties(${ARGV} PROPERTIES ${ALKAID_WITHOUT_LOCK_ORDER})
  endif()
endfunction()

# alkaid_add_gtests(program): the tests of a GoogleTest program, one CTest entry each. PRE_TEST:
# programs are asked for their tests when CTest runs, under the environment that a sanitizer needs,
# and not while building.
function(alkaid_add_gtests program)
  set(how DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120)
  if(NOT ALKAID_SANITIZE STREQUAL "thread")
    gtest_discover_tests(${program} ${how} PROPERTIES TIMEOUT 120)
    return()
  endif()
  list(JOIN ALKAID_FORKING_TESTS ":" forking)
  gtest_discover_tests(${program} ${how} TEST_FILTER "-${forking}" PROPERTIES TIMEOUT 120)
  gtest_discover_tests(${program} ${how} TEST_FILTER "${forking}" TEST_LIST ${program}_FORKING
                       PROPERTIES TIMEOUT 120 ${ALKAID_WITHOUT_LOCK_ORDER})
endfunction()
