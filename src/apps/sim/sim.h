#pragma once
// A seeded pump: a centrifugal pump in a water circuit whose inlet valve closes. For demonstrations
// and tests where no recording is at hand. Pure: the same options give the same bytes.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace mw::sim {

struct PumpOptions {
    std::uint64_t rows = 1200;
    std::uint64_t fault_from = 600;  // the valve begins to close at this row ...
    std::uint64_t fault_to = 1000;   // ... and is open again at this one
    std::uint64_t fault_every = 0;   // the same again this many rows later; 0: once
    std::uint64_t interval_ms = 1000;
    // What is normal changes, and no row is anomalous for it:
    double season = 0;  // K by which water and body are warmer
    double mains = 0;   // V by which the mains are higher
    double shift = 0;   // share by which the pump turns faster, as .1; negative: slower
    std::uint64_t seed = 1;
};

// Columns as of a real test rig: datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;
// Temperature;Thermocouple;Voltage;Volume Flow RateRMS;anomaly
Result<std::string> pump_csv(const PumpOptions& options);

}  // namespace mw::sim
