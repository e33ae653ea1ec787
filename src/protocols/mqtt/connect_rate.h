#pragma once
// Inside the module: how many connections one address may open: a bucket of `burst` that fills by
// `per_second`. Asked before the TLS handshake, which is what a flood of connections costs. IPv6
// counts by /64. The table is bounded; when it is full, addresses whose bucket is full are
// forgotten, then any one.

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace mw::mqtt {

struct ConnectRateLimits {
    std::uint32_t per_second = 200;  // 0: no limit. A plant behind one address comes back together
    std::uint32_t burst = 2'000;
    std::size_t addresses = 4'096;  // remembered
    bool loopback_exempt = true;    // local tools and tests
};

// What counts as one address: IPv4 as it is, of IPv6 the first 64 bits.
std::string network_of(std::string_view host);
bool is_loopback(std::string_view host);

class ConnectRate {
 public:
    explicit ConnectRate(ConnectRateLimits limits) : limits_(limits) {}

    enum class Verdict { admitted, refused, first_refused };  // the first since it was admitted
    Verdict ask(std::string_view host, SteadyTime now);
    std::size_t addresses() const { return buckets_.size(); }

 private:
    struct Bucket {
        SteadyTime full_at;  // the bucket as a time: each connection moves it
        bool refusing = false;
    };
    void make_room(SteadyTime now);

    ConnectRateLimits limits_;
    std::unordered_map<std::string, Bucket> buckets_;
    SteadyTime swept_;
};

}  // namespace mw::mqtt
