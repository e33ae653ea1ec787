#pragma once
// Makes facts of what the listeners refuse before anybody is known: handshakes, certificates,
// malformed requests. One fact tells all of a second and the last of them; a flood is summed up, so
// that strangers can't fill the audit log: 60 facts at once, then one a minute. Control loop.

#include <map>
#include <string>
#include <vector>

#include "domain/resource_store.h"

namespace mw::hub {

// Of one listener since the hub started.
struct Refused {
    std::string listener;
    std::string what;  // "handshakes", "certificates", "requests"
    std::uint64_t total = 0;
    std::string last;  // with the peer and why
};

class RefusalFacts {
 public:
    RefusalFacts(ResourceStore& store, const Clock& clock) : store_(store), clock_(clock) {}
    // Called once a second with all counters as they stand.
    Task<> tell(std::vector<Refused> refused);

 private:
    bool may_tell();
    ResourceStore& store_;
    const Clock& clock_;
    std::map<std::string, std::uint64_t> told_;
    double left_ = 60;
    SteadyTime at_{};
};

}  // namespace mw::hub
