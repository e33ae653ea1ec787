#pragma once
// What a plant wrote down about its incidents, as answers to label tasks. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mw::ctl {

// Incidents of each device. Between `from` and `to` every one was written down, so a window without
// one was normal.
class ShiftLog {
 public:
    // CSV with the header device,from,to, one incident per line, times in ISO 8601. An incident
    // without an end lasts until `to`. Errors name the line.
    static Result<ShiftLog> parse(std::string_view csv, Timestamp from, Timestamp to);

    enum class Says { nothing, event, normal };
    // About the end of a window, which is what a decision is about. nothing: out of the period.
    Says about(const std::string& device, Timestamp window_to) const;
    std::size_t incidents() const;

 private:
    struct Incident {
        Timestamp from, to;
    };
    Timestamp from_, to_;
    std::map<std::string, std::vector<Incident>> incidents_;
};

}  // namespace mw::ctl
