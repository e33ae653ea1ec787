#pragma once
// Which kernels this processor runs.

#include "insight/native/kernels.h"
#include "insight/native/native.h"

namespace mw::native {

const Kernels* kernels_of(Isa isa);  // null: not here

}  // namespace mw::native
