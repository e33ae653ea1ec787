#pragma once
// Do models in operation still see what they were trained on, do they decide as well as at the
// gate, and what does it cost when not? Sketches in, state and alert of each Monitor out.

#include "fleet/monitors/alert.h"
#include "fleet/monitors/controller.h"
#include "fleet/monitors/machine.h"
#include "fleet/monitors/outcomes.h"
#include "fleet/monitors/reading.h"
#include "fleet/monitors/sketch_index.h"
#include "fleet/monitors/sketch_log.h"
#include "fleet/monitors/verdict.h"
