#pragma once
// Does a stream still look as it did? Detectors for one stream, counts in reference bins that merge
// exactly over windows and devices, and what they say about a fleet. Pure values without a thread.

#include "insight/drift/adwin.h"
#include "insight/drift/bin_counts.h"
#include "insight/drift/detectors.h"
#include "insight/drift/distance.h"
#include "insight/drift/fleet.h"
#include "insight/drift/kswin.h"
#include "insight/drift/shift.h"
#include "insight/drift/sketch.h"
#include "insight/drift/watch.h"
