#pragma once
// From decisions to alarms: one state machine per rule and device, and the chain that answers why.
// Belongs to the control loop; the engine itself has no I/O and no clock. Limits in Options.

#include "insight/alerts/alarm.h"
#include "insight/alerts/alarm_log.h"
#include "insight/alerts/engine.h"
#include "insight/alerts/rule.h"
#include "insight/alerts/why.h"
