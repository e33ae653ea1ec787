#pragma once
// One decision about points, and what it makes of a point's quality. Plain data.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "domain/quality.h"

namespace mw::quarantine {

enum class Verb : std::uint8_t {
    release,  // bad points that have a value are good: released
    confirm,  // the verdict of the checks stands, whatever was decided before
    hold,     // points that were not bad are bad: held
};
std::string_view to_string(Verb verb);
Result<Verb> verb_from(std::string_view text);

struct Record {
    std::uint64_t number = 0;  // of its frame; given by the log
    Verb verb = Verb::confirm;
    std::string device;
    std::string signal;  // empty: all of the device
    Timestamp from, to;  // event times, [from, to)
    std::string why;
    std::string by;  // "user:ann", "hub"
    Timestamp at;

    bool operator==(const Record&) const = default;
    bool covers(std::string_view of_device, std::string_view of_signal, Timestamp time) const {
        return device == of_device && (signal.empty() || signal == of_signal) && time >= from &&
               time < to;
    }
    bool same_points(const Record& other) const {
        return device == other.device && signal == other.signal && from == other.from &&
               to == other.to;
    }
    bool touches(const Record& other) const {
        return device == other.device && from < other.to && other.from < to &&
               (signal.empty() || other.signal.empty() || signal == other.signal);
    }
};
using Records = std::vector<Record>;  // by number

Json to_json(const Record& record);                  // without number
Result<Record> record_from_json(const Json& value);  // errors name the key
Result<> check(const Record& record);                // invalid_input with what is wrong

// The newest record that covers the point; null: none.
const Record* deciding(const Records& records, std::string_view device, std::string_view signal,
                       Timestamp time);
// What the point's quality is for whoever reads it. SQL does the same (data/query).
Quality decided(const Record* record, double value, Quality stored);

}  // namespace mw::quarantine
