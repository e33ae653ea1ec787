#pragma once
// Gates: what a version of a model must show before it may be rolled out. Accuracy on a frozen
// dataset by the code that the edge runs, latency and memory measured by an agent of each device
// class on itself, a card; the report is signed. Everything belongs to the control loop.

#include "fleet/gates/accuracy.h"
#include "fleet/gates/commands.h"
#include "fleet/gates/controller.h"
#include "fleet/gates/limits.h"
#include "fleet/gates/report.h"
#include "fleet/gates/version.h"
