#pragma once
// The chain behind an alarm: decisions, model version, device and asset, quality of the inputs.

#include <cstddef>
#include <string>
#include <vector>

#include "insight/alerts/alarm.h"
#include "platform/loop/loop.h"

namespace mw::alerts {

// What lies outside this module. Everything may fail: the chain then says which link is missing
// and why.
class WhySource {
 public:
    virtual ~WhySource() = default;
    // By window_to in [from, to], oldest first.
    virtual Task<std::vector<Decision>> decisions(std::string device, std::string model,
                                                  Timestamp from, Timestamp to,
                                                  std::size_t limit) = 0;
    // {"name","bundle","algorithm","trained_on":{...},...}: the ModelVersion's spec and name.
    virtual Task<Json> model_version(std::string model, std::string version) = 0;
    // {"name","profile","asset","site","labels"}.
    virtual Task<Json> device(std::string name) = 0;
    // [{"signal","reason","from","to","points"}] that overlap [from, to].
    virtual Task<Json> quality_findings(std::string device, Timestamp from, Timestamp to) = 0;
};

// An object: alarm, summary (a sentence), decisions, model_version, device, quality, and missing,
// an array of {"link","reason"}.
Task<Json> why(Alarm alarm, WhySource& source);

}  // namespace mw::alerts
