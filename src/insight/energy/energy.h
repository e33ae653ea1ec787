#pragma once
// What a building or machine would have used: a baseline of time of week and temperature, and what
// was saved against it, with an interval. Pure functions; a year of hours takes a second.

#include "insight/energy/savings.h"
#include "insight/energy/towt.h"
