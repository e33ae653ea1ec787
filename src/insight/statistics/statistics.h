#pragma once
// Decisions under uncertainty, as pure functions: no I/O, no state, the same answer for the same
// arguments (what is random takes a seed). They may be called from any thread.

#include "insight/statistics/canary.h"
#include "insight/statistics/distributions.h"
#include "insight/statistics/kpi.h"
#include "insight/statistics/price.h"
#include "insight/statistics/samples.h"
#include "insight/statistics/sequential.h"
