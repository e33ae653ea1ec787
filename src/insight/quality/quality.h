#pragma once
// Judges every point when it arrives: range, counters, rate of change, stuck, spike, noise,
// completeness, timeliness, the device's clock, order, unit. Belongs to one data loop (hub) or the
// agent's loop; not thread-safe, no I/O. Causal and O(1) per point; memory is about 0.6 kB per
// series, at most Options::series_max series.

#include "insight/quality/engine.h"
#include "insight/quality/rules.h"
#include "insight/quality/scorecard.h"
#include "insight/quality/suggest.h"
