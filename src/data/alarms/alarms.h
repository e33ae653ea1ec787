#pragma once
// Where alarms live at the hub: the engine of insight/alerts with a log under it, decisions coming
// in, people watching, and what a crash left undone made good. Belongs to the control loop.

#include "data/alarms/alarm_file.h"
#include "data/alarms/desk.h"
#include "data/alarms/evidence.h"
