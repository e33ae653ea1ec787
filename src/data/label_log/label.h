#pragma once
// One answer about one window. Plain data.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::labels {

struct Label {
    std::uint64_t number = 0;  // of its frame; given by the log
    std::string task;          // LabelTask that asked; empty: nobody did
    std::string device;
    std::string asset;
    std::string use_case;
    std::string model;
    std::string version;
    Timestamp window_from;
    Timestamp window_to;
    double score = 0;
    bool decision = false;
    bool label = false;     // the answer: it was an event
    std::string why;        // unsure, drifted, audit, person
    double propensity = 1;  // chance with which the window was chosen
    std::string author;     // "user:ann"
    std::string source;     // by which door it came, such as api
    Timestamp labelled_at;
    std::uint64_t supersedes = 0;        // number of the answer whose place it takes; 0: none
    std::optional<double> confidence{};  // how sure the author was, above 0 and at most 1
    std::string event{};  // of a gateway: tells the answer from others; empty: it can't come twice
    std::string snippet{};  // SHA-256 of the blob with the points that the author saw; or empty
    std::string adjudication{};  // it settles a disagreement: why so; empty: an answer like others

    bool operator==(const Label&) const = default;
};
using Labels = std::vector<Label>;

Json to_json(const Label& label);                  // without number
Result<Label> label_from_json(const Json& value);  // errors name the key
Result<> check(const Label& label);                // invalid_input with what is wrong

}  // namespace mw::labels
