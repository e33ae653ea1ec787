#pragma once
// What is wrong with a gateway, from what its directory says: pure, so that each row has a test.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::edge {

enum class Verdict { fine, worth_a_look, wrong };

struct Finding {
    Verdict verdict = Verdict::fine;
    std::string what;    // was looked at, and how it stands
    std::string remedy;  // empty when fine
};

struct GatewayFacts {
    Timestamp now;
    bool runs = false;  // an agent holds the directory's lock
    double certificate_days_left = 0;
    double disk_free_bytes = 0;
    bool hub_answers = false;  // a TCP connection to its address
    std::string hub;
    Json status;  // DIR/status.json; null: there is none
};

std::vector<Finding> examine(const GatewayFacts& facts);

}  // namespace mw::edge
