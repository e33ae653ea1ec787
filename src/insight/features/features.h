#pragma once
// From aligned rows of named signals to feature vectors: windows, statistics, scaling.
// Edge, trainer and gate run this same code, so that there is no skew between them; every window is
// computed from its own rows only, so the result does not depend on how long the program has run.
// Belongs to one thread; a plan has at most 4096 inputs, 8192 features and 65536 rows in a window.

#include "insight/features/aligner.h"
#include "insight/features/extractor.h"
#include "insight/features/plan.h"
#include "insight/features/resampler.h"
