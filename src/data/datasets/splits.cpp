#include "data/datasets/splits.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "platform/crypto/crypto.h"

namespace mw::datasets {
namespace {

constexpr double share_slack = 1e-9;

Error bad_split(const std::string& path, const std::string& message) {
    return {Errc::invalid_input, "splits." + path + ": " + message};
}

Parts bit_of(const Splits& splits, const std::string& name) {
    const auto at = std::find(splits.names.begin(), splits.names.end(), name);
    return Parts{1} << (at - splits.names.begin());
}

void add_name(Splits& splits, const std::string& name) {
    if (std::find(splits.names.begin(), splits.names.end(), name) == splits.names.end())
        splits.names.push_back(name);
}

const JsonArray& parts_at(const Json& spec, std::string_view path) {
    static const JsonArray none;
    const Json* list = find(spec, path);
    return list && list->is_array() ? list->get_array() : none;
}

// A part begins where the one before ends, unless it says otherwise.
Result<> read_times(const Json& spec, Timestamp from, Timestamp to, Splits& splits) {
    Timestamp begin = from;
    for (const Json& part : parts_at(spec, "splits.by_time")) {
        Splits::TimePart made{"", begin, to};
        TRY(made.name, want_string(part, "name").context("splits.by_time"));
        if (const auto text = find_string(part, "from")) {
            TRY(made.from, parse_iso8601(*text).context("splits.by_time.from"));
        }
        if (const auto text = find_string(part, "to")) {
            TRY(made.to, parse_iso8601(*text).context("splits.by_time.to"));
        }
        if (made.from >= made.to)
            return bad_split("by_time", "'" + made.name + "' ends before it begins");
        begin = made.to;
        add_name(splits, made.name);
        splits.times.push_back(std::move(made));
    }
    return {};
}

Result<> read_groups(const Json& spec, Splits& splits) {
    double shares = 0;
    std::size_t listed = 0;
    const auto& parts = parts_at(spec, "splits.by_group.parts");
    for (const Json& part : parts) {
        Splits::GroupPart made;
        TRY(made.name, want_string(part, "name").context("splits.by_group.parts"));
        made.share = find_number(part, "share").value_or(0);
        for (const Json& group : parts_at(part, "groups"))
            if (group.is_string()) made.groups.emplace_back(group.get_string());
        if ((made.share > 0) == !made.groups.empty())
            return bad_split("by_group.parts",
                             "'" + made.name + "' wants either a share above 0 or groups");
        shares += made.share;
        listed += !made.groups.empty();
        add_name(splits, made.name);
        splits.groups.push_back(std::move(made));
    }
    if (listed != 0 && listed != parts.size())
        return bad_split("by_group.parts", "want shares for all parts, or groups for all");
    if (shares > 1 + share_slack) return bad_split("by_group.parts", "the shares exceed 1");
    splits.by_asset = find_string(spec, "splits.by_group.of") == "asset";
    splits.seed =
        static_cast<std::uint64_t>(find_integer(spec, "splits.by_group.seed").value_or(1));
    return {};
}

Result<nanoseconds> duration_at(const Json& spec, const std::string& key) {
    const auto text = find_string(spec, "splits." + key);
    if (!text) return nanoseconds{0};
    return parse_duration(*text).context("splits." + key);
}

std::uint64_t drawn(const std::string& group, std::uint64_t seed) {
    const auto digest = crypto::sha256(bytes_of(std::to_string(seed) + '\0' + group));
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
    return number;
}

// In the order of their draw; a share is a stretch of that order, so it is met as nearly as whole
// groups allow.
void share_out(const Splits& splits, std::map<std::string, Parts>& groups) {
    std::vector<std::pair<std::uint64_t, std::string>> order;
    for (const auto& [group, parts] : groups) order.emplace_back(drawn(group, splits.seed), group);
    std::sort(order.begin(), order.end());
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const double place = (static_cast<double>(rank) + .5) / static_cast<double>(order.size());
        double end = 0;
        for (const auto& part : splits.groups) {
            end += part.share;
            if (place >= end) continue;
            groups[order[rank].second] = bit_of(splits, part.name);
            break;
        }
    }
}

}  // namespace

Result<Splits> splits_of(const Json& spec, Timestamp from, Timestamp to) {
    Splits splits;
    if (!find(spec, "splits")) return splits;
    TRY_VOID(read_times(spec, from, to, splits));
    TRY_VOID(read_groups(spec, splits));
    if (splits.empty())
        return Error{Errc::invalid_input, "splits: want by_time, by_group, or both"};
    if (splits.names.size() > splits_max)
        return Error{Errc::invalid_input,
                     "splits: want at most " + std::to_string(splits_max) + " names"};
    TRY(splits.window, duration_at(spec, "window"));
    TRY(splits.gap, duration_at(spec, "gap"));
    return splits;
}

std::string group_of(const Splits& splits, const Assets& assets, const std::string& device) {
    if (!splits.by_asset) return device;
    const auto asset = assets.find(device);
    return asset == assets.end() || asset->second.empty() ? device : asset->second;
}

Parts Membership::of_time(const Splits& splits, Timestamp time) const {
    if (splits.times.empty()) return ~Parts{0};
    Parts parts = 0;
    const Timestamp first = splits.times.front().from;
    for (const auto& part : splits.times) {
        const bool after_boundary = part.from > first && time < part.from + splits.gap;
        if (time >= part.from && time < part.to && !after_boundary)
            parts |= bit_of(splits, part.name);
    }
    return parts;
}

std::uint8_t Membership::number(Parts parts) {
    return parts == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::countr_zero(parts) + 1);
}

Membership membership_of(const Content& content, const Splits& splits, const Assets& assets) {
    Membership membership;
    for (const auto& device : content.devices)
        membership.of_group[group_of(splits, assets, device.device)] = 0;
    if (splits.groups.empty()) {
        for (auto& [group, parts] : membership.of_group) parts = ~Parts{0};
    } else if (splits.groups.front().share > 0) {
        share_out(splits, membership.of_group);
    } else {
        for (const auto& part : splits.groups)
            for (const auto& group : part.groups)
                if (const auto found = membership.of_group.find(group);
                    found != membership.of_group.end())
                    found->second |= bit_of(splits, part.name);
    }
    return membership;
}

Result<> part_rows(Content& content, const Splits& splits, const Assets& assets) {
    if (splits.empty()) return {};
    content.splits = splits.names;
    const Membership membership = membership_of(content, splits, assets);
    const Parts all = (Parts{1} << splits.names.size()) - 1;
    Parts used = 0;
    for (auto& device : content.devices) {
        const Parts group = membership.of_group.at(group_of(splits, assets, device.device));
        device.split.clear();
        device.split.reserve(device.recording.rows());
        for (const Timestamp time : device.recording.times) {
            const Parts parts = group & membership.of_time(splits, time) & all;
            device.split.push_back(Membership::number(parts));
            used |= parts;
        }
    }
    for (const auto& name : splits.names)
        if ((used & bit_of(splits, name)) == 0)
            return Error{Errc::not_found,
                         "split '" + name + "' has no rows. Next step: check its times and groups"};
    return {};
}

}  // namespace mw::datasets
