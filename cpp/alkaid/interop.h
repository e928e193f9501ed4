// Exchange with other libraries: all that alkaid/interop/ offers.
#pragma once

#include "alkaid/base/export.h"           // first: it asks for C++20
#include "alkaid/interop/arrow_c_abi.h"   // IWYU pragma: export
#include "alkaid/interop/arrow_data.h"    // IWYU pragma: export
#include "alkaid/interop/arrow_export.h"  // IWYU pragma: export
#include "alkaid/interop/arrow_import.h"  // IWYU pragma: export
#include "alkaid/interop/arrow_stream.h"  // IWYU pragma: export
#include "alkaid/interop/dlpack.h"        // IWYU pragma: export
#include "alkaid/interop/tensor.h"        // IWYU pragma: export
