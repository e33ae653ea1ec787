#pragma once
// Which windows a person is asked about, and with what chance. Pure: the same decisions, monitor
// and seed give the same choice.
//
// Three streams choose independently: audit and drifted by a hash of the window, unsure the windows
// nearest to the threshold. The propensity is the chance to be chosen by any of them, computed from
// what was known before the window came; so weighting by its inverse is unbiased.

#include <deque>
#include <optional>
#include <set>
#include <string>

#include "domain/decision.h"
#include "domain/resource.h"
#include "domain/selector.h"

namespace mw::labelling {

// A Monitor as far as labels are concerned.
struct Monitor {
    std::string name;
    std::string domain;
    std::string use_case;
    std::string model;
    Selector selector;  // labels of the devices
    double audit = 0.01;
    double unsure = 0.05;
    double drifted = 0.02;
    std::size_t open_max = 200;
    nanoseconds expire_after = hours{336};
    std::uint64_t seed = 1;
    std::set<std::string> drifting;  // devices, as its status lists them
};
Result<Monitor> monitor_of(const Resource& resource);

struct Choice {
    std::string why;  // audit, unsure, drifted: the rarest reason that applied, in this order
    double propensity = 1;
};
// What the state of things allows: streams for which there is no room choose nothing now.
struct Room {
    bool any = true;       // below open_max
    bool aimed = true;     // unsure and drifted: leave room for the audit
    bool nearest = false;  // the window is among the nearest to the threshold
};
std::optional<Choice> choose(const Monitor& monitor, const Decision& decision, const Room& room);

// Of the windows seen last, the share nearest to the threshold.
class NearestShare {
 public:
    // Whether this distance is within the share of those before it; then it is remembered. Never
    // among the first `least`: nothing is known about what is near.
    bool take(double distance, double share);

    static constexpr std::size_t remembered = 1000;
    static constexpr std::size_t least = 20;

 private:
    std::deque<double> recent_;
    std::multiset<double> sorted_;
};

}  // namespace mw::labelling
