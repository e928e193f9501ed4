// The handles of readers, batches, datagrams and configurations.
//
// Ownership: a handle shares its object. Threads: as in alkaid/c/dgrams.h. Out of memory: functions
// that make a handle throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/c/dgrams.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/fault_policy.h"

struct alkaid_reader : alkaid::c::Handle {
  std::unique_ptr<alkaid::dgram::BatchReader> reader;
};
struct alkaid_batch : alkaid::c::Handle {
  alkaid::dgram::DgramBatch batch;
};
struct alkaid_dgram : alkaid::c::Handle {
  alkaid::dgram::Dgram dgram;
};
struct alkaid_configuration : alkaid::c::Handle {
  std::shared_ptr<const alkaid::dgram::Configuration> configuration;
};

namespace alkaid::c {

// Null for none.
std::unique_ptr<alkaid_configuration> NewConfiguration(
    const std::shared_ptr<const dgram::Configuration>& configuration);
// kInvalidArgument, naming the struct, for a value that is not one of ALKAID_ON_FAULT_.
Result<dgram::OnFault> OnFaultOf(const char* name, int32_t on_fault);
// Null for NULL. The result throws std::bad_alloc when called, which the reader reports.
dgram::OnSkip OnSkipOf(alkaid_skip_function on_skip, void* context);

}  // namespace alkaid::c
