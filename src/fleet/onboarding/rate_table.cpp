#include "fleet/onboarding/rate_table.h"

#include <algorithm>
#include <vector>

namespace mw::onboarding {
namespace {

constexpr nanoseconds sweep_every = seconds{1};

std::vector<std::string> groups_of(std::string_view text) {
    std::vector<std::string> groups;
    while (!text.empty()) {
        const auto end = std::min(text.find(':'), text.size());
        groups.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return groups;
}

}  // namespace

double RateTable::left(const Bucket& bucket, SteadyTime now) const {
    const double passed = std::chrono::duration<double>(now - bucket.at).count();
    return std::min(limit_.burst, bucket.left + passed * limit_.per_second);
}

RateTable::Bucket& RateTable::bucket_of(const std::string& name, SteadyTime now) {
    const auto known = buckets_.find(name);
    if (known != buckets_.end()) return known->second;
    if (buckets_.size() >= names_max_ && now - swept_ >= sweep_every) {
        swept_ = now;
        // A full bucket says nothing that a new one would not.
        std::erase_if(buckets_,
                      [&](const auto& each) { return left(each.second, now) >= limit_.burst; });
    }
    const bool full = buckets_.size() >= names_max_;
    return buckets_.try_emplace(full ? std::string() : name, Bucket{limit_.burst, now})
        .first->second;
}

nanoseconds RateTable::take(const std::string& name, SteadyTime now) {
    Bucket& bucket = bucket_of(name, now);
    bucket = {left(bucket, now), now};
    if (bucket.left < 1)
        return nanoseconds{static_cast<std::int64_t>((1 - bucket.left) / limit_.per_second * 1e9) +
                           1};
    bucket.left -= 1;
    return nanoseconds{0};
}

nanoseconds RateTable::wait(const std::string& name, SteadyTime now) {
    auto at = buckets_.find(name);
    if (at == buckets_.end() && buckets_.size() >= names_max_) at = buckets_.find(std::string());
    if (at == buckets_.end()) return nanoseconds{0};
    const double there = left(at->second, now);
    if (there >= 1) return nanoseconds{0};
    return nanoseconds{static_cast<std::int64_t>((1 - there) / limit_.per_second * 1e9) + 1};
}

// The text is the system's own (RFC 5952): numeric, zeros cut short once by "::".
std::string rate_name(std::string_view address) {
    const bool is_ipv6 = address.find(':') != address.npos;
    // An IPv4 address in IPv6 (RFC 4291 2.5.5.2) is one host, not a site.
    if (!is_ipv6 || address.find('.') != address.npos) return std::string(address);
    const auto gap = address.find("::");
    auto groups = groups_of(address.substr(0, gap));
    if (gap != address.npos) {
        const auto behind = groups_of(address.substr(gap + 2));
        groups.resize(std::max(groups.size(), 8 - std::min<std::size_t>(behind.size(), 8)), "0");
        groups.insert(groups.end(), behind.begin(), behind.end());
    }
    std::string site;
    for (std::size_t i = 0; i < 4 && i < groups.size(); ++i) site += groups[i] + ":";
    return site;
}

}  // namespace mw::onboarding
