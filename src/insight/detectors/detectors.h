#pragma once
// Trainers: rows of normal operation in, a bundle out whose ONNX graph gives a score that is 1 at
// the threshold. The features come from insight/features, the very code that runs on the edge.
// Pure functions for a worker thread: seconds of CPU, memory about 3 x the rows. Limit:
// TrainOptions.

#include "insight/detectors/acquisition.h"
#include "insight/detectors/boosting.h"
#include "insight/detectors/evaluation.h"
#include "insight/detectors/outside.h"
#include "insight/detectors/recording.h"
#include "insight/detectors/train.h"
#include "insight/detectors/windows.h"
