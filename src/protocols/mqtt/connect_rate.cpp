#include "protocols/mqtt/connect_rate.h"

#include <algorithm>
#include <vector>

namespace mw::mqtt {
namespace {

std::vector<std::string_view> groups_of(std::string_view text) {
    std::vector<std::string_view> groups;
    while (!text.empty()) {
        const std::size_t colon = std::min(text.find(':'), text.size());
        groups.push_back(text.substr(0, colon));
        text.remove_prefix(std::min(colon + 1, text.size()));
    }
    return groups;
}

}  // namespace

std::string network_of(std::string_view host) {
    const bool mapped = host.find('.') != std::string_view::npos;  // "::ffff:192.0.2.7"
    if (mapped) return std::string(host.substr(host.rfind(':') + 1));
    if (host.find(':') == std::string_view::npos) return std::string(host);
    const std::size_t gap = host.find("::");
    auto groups = groups_of(host.substr(0, gap));
    if (gap != std::string_view::npos) {
        const auto behind = groups_of(host.substr(gap + 2));
        while (groups.size() + behind.size() < 8) groups.push_back("0");
        groups.insert(groups.end(), behind.begin(), behind.end());
    }
    std::string network;
    for (std::size_t i = 0; i < 4 && i < groups.size(); ++i)
        network.append(groups[i]).append(1, ':');
    return network + ":/64";
}

bool is_loopback(std::string_view host) {
    if (host == "::1") return true;
    if (host.starts_with("::ffff:")) host.remove_prefix(7);
    return host.starts_with("127.");
}

ConnectRate::Verdict ConnectRate::ask(std::string_view host, SteadyTime now) {
    if (limits_.per_second == 0 || (limits_.loopback_exempt && is_loopback(host)))
        return Verdict::admitted;
    const std::string network = network_of(host);
    if (buckets_.size() >= limits_.addresses && !buckets_.contains(network)) make_room(now);
    Bucket& bucket = buckets_[network];
    bucket.full_at = std::max(bucket.full_at, now);
    const nanoseconds each = nanoseconds{seconds{1}} / limits_.per_second;
    if (bucket.full_at - now > each * (std::int64_t{limits_.burst} - 1))
        return std::exchange(bucket.refusing, true) ? Verdict::refused : Verdict::first_refused;
    bucket.refusing = false;
    bucket.full_at = bucket.full_at + each;
    return Verdict::admitted;
}

// Looks through the table once a second at most; in between some address has to go at once.
void ConnectRate::make_room(SteadyTime now) {
    if (swept_.ns == 0 || now - swept_ >= seconds{1}) {
        swept_ = now;
        std::erase_if(buckets_, [now](const auto& entry) { return entry.second.full_at <= now; });
    }
    if (buckets_.size() >= limits_.addresses) buckets_.erase(buckets_.begin());
}

}  // namespace mw::mqtt
