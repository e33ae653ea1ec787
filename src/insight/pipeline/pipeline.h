#pragma once
// Rows in, decisions out: features, model, smoothing, threshold with hysteresis, fallback; and the
// bundle that carries all of it. Storage-free: edge, trainer and gate run this same code.
// A Pipeline belongs to one thread; its limits are those of its plan and `BundleLimits`.

#include "insight/pipeline/bundle.h"
#include "insight/pipeline/explain.h"
#include "insight/pipeline/reference.h"
#include "insight/pipeline/scorer.h"
#include "insight/pipeline/spec.h"
