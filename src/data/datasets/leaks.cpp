#include "data/datasets/leaks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>

namespace mw::datasets {
namespace {

// Below this a column may follow the label by chance.
constexpr std::size_t labelled_least = 10;
constexpr std::size_t class_least = 3;
// A column of so few values is a code; one that separates the classes by size alone is a good
// feature.
constexpr std::size_t codes_max = 16;
constexpr std::size_t rows_per_code = 5;  // else the values are few because the rows are
constexpr std::size_t in_a_sentence = 3;

class Finder {
 public:
    Finder(const Content& content, const Splits& splits, const Assets& assets, Timestamp until)
        : content_(content), splits_(splits), assets_(assets), until_(until) {}

    Leaks find() {
        if (!splits_.empty()) {
            membership_ = membership_of(content_, splits_, assets_);
            groups();
            for (const auto& device : content_.devices) boundaries(device);
        }
        for (std::size_t column = 0; column < content_.signals.size(); ++column) signal(column);
        for (const auto& device : content_.devices) late_labels(device);
        return std::move(leaks_);
    }

 private:
    // Rows of one device for which `is` holds, as one finding.
    template <class Is>
    void rows_where(const DeviceRows& device, const char* kind, Is is, const std::string& says) {
        Leak leak{kind, device.device, {}, {}, 0, says};
        for (std::size_t row = 0; row < device.recording.rows(); ++row)
            if (is(row)) extend(leak, device.recording.times[row]);
        add(std::move(leak));
    }
    static void extend(Leak& leak, Timestamp time) {
        if (leak.rows++ == 0) leak.from = leak.to = time;
        leak.from = std::min(leak.from, time);
        leak.to = std::max(leak.to, time);
    }
    void add(Leak leak) {
        if (leak.rows == 0) return;
        ++leaks_.all;
        if (leaks_.told.size() < leaks_max) leaks_.told.push_back(std::move(leak));
    }

    std::string names_of(Parts parts) const {
        std::string names;
        for (std::size_t i = 0; i < splits_.names.size(); ++i)
            if ((parts >> i & 1) != 0) names += (names.empty() ? "" : " and ") + splits_.names[i];
        return names;
    }
    Parts group_parts(const DeviceRows& device) const {
        return membership_.of_group.at(group_of(splits_, assets_, device.device)) & all();
    }
    Parts all() const { return (Parts{1} << splits_.names.size()) - 1; }

    // What a model learned of a group it may know again in the other part.
    void groups() {
        if (splits_.groups.empty()) return;
        for (const auto& device : content_.devices) {
            const Parts parts = group_parts(device);
            if (std::popcount(parts) < 2) continue;
            const auto every = [](std::size_t) { return true; };
            rows_where(device, "group_in_two_splits", every,
                       "group '" + group_of(splits_, assets_, device.device) + "' is in " +
                           names_of(parts));
        }
        if (splits_.by_asset) return;
        std::map<std::string, Parts> of_asset;
        for (const auto& device : content_.devices)
            if (const auto asset = assets_.find(device.device);
                asset != assets_.end() && !asset->second.empty())
                of_asset[asset->second] |= group_parts(device);
        for (const auto& device : content_.devices) {
            const auto asset = assets_.find(device.device);
            if (asset == assets_.end() || asset->second.empty()) continue;
            const Parts parts = of_asset[asset->second];
            if (std::popcount(parts) < 2 || std::popcount(group_parts(device)) > 1) continue;
            const auto in_one = [&](std::size_t row) { return device.split[row] != 0; };
            rows_where(device, "asset_in_two_splits", in_one,
                       "devices of asset '" + asset->second + "' are in " + names_of(parts));
        }
    }

    void boundaries(const DeviceRows& device) {
        const auto& times = device.recording.times;
        const Parts group = group_parts(device);
        Parts overlapping = 0;
        const auto in_two = [&](std::size_t row) {
            const Parts parts = membership_.of_time(splits_, times[row]) & group;
            const bool two = !splits_.times.empty() && std::popcount(parts) > 1;
            if (two) overlapping |= parts;
            return two;
        };
        for (std::size_t row = 0; row < times.size(); ++row) in_two(row);
        rows_where(device, "times_overlap", in_two,
                   "the times of " + names_of(overlapping) + " overlap");
        if (splits_.window.count() == 0) return;
        // The newest row of each other part, so far: a window that ends here must not reach it.
        std::map<std::uint8_t, Timestamp> newest;
        const auto reaches_back = [&](std::size_t row) {
            const std::uint8_t mine = device.split[row];
            if (mine == 0) return false;
            newest[mine] = times[row];
            return std::any_of(newest.begin(), newest.end(), [&](const auto& other) {
                return other.first != mine && times[row] - splits_.window < other.second;
            });
        };
        rows_where(device, "windows_overlap", reaches_back,
                   "windows of " + to_text(splits_.window) +
                       " reach from one split into another. Next step: splits.gap: " +
                       to_text(splits_.window));
    }

    // Whether each value of the column goes with one label: then it is the label in disguise.
    void signal(std::size_t column) {
        std::map<double, std::set<std::uint8_t>> labels_of;
        std::size_t counts[2] = {};
        Leak leak{"label_in_signal", "", {}, {}, 0, ""};
        for (const auto& device : content_.devices)
            for (std::size_t row = 0; row < device.recording.rows(); ++row) {
                const double value =
                    device.recording.values[row * content_.signals.size() + column];
                if (device.labelled[row] == 0 || !std::isfinite(value)) continue;
                const std::uint8_t label = device.recording.labels[row];
                ++counts[label != 0];
                if (leak.rows == 0) leak.device = device.device;
                if (leak.device != device.device) leak.device.clear();
                extend(leak, device.recording.times[row]);
                auto& labels = labels_of[value];
                labels.insert(label);
                if (labels_of.size() > codes_max || labels.size() > 1) return;
            }
        const std::size_t labelled = counts[0] + counts[1];
        if (labelled < std::max(labelled_least, rows_per_code * labels_of.size()) ||
            std::min(counts[0], counts[1]) < class_least)
            return;
        leak.says = "signal '" + content_.signals[column] + "' " +
                    (labels_of.size() == 2 ? "equals the label: " : "determines the label: ") +
                    std::to_string(labels_of.size()) +
                    " values, each with one label. Next step: " + "leave it out of signals";
        add(std::move(leak));
    }

    void late_labels(const DeviceRows& device) {
        const auto later = [&](std::size_t row) {
            return device.labelled[row] != 0 && device.recording.times[row] > until_;
        };
        rows_where(device, "label_after_as_of", later,
                   "rows have a label although they lie after " + to_iso8601(until_) +
                       ", as of which labels count");
    }

    const Content& content_;
    const Splits& splits_;
    const Assets& assets_;
    Timestamp until_;
    Membership membership_;
    Leaks leaks_;
};

std::string rows_text(const Leak& leak) {
    return std::to_string(leak.rows) + " rows" +
           (leak.device.empty() ? std::string() : " of " + leak.device) + ", " +
           to_iso8601(leak.from) + " to " + to_iso8601(leak.to);
}

}  // namespace

Leaks leaks_of(const Content& content, const Splits& splits, const Assets& assets,
               Timestamp known_until) {
    return Finder(content, splits, assets, known_until).find();
}

JsonArray to_json(const std::vector<Leak>& leaks) {
    JsonArray list;
    for (const Leak& leak : leaks)
        list.push_back(JsonObject{{"kind", leak.kind},
                                  {"device", leak.device},
                                  {"from", to_iso8601(leak.from)},
                                  {"to", to_iso8601(leak.to)},
                                  {"rows", leak.rows},
                                  {"says", leak.says}});
    return list;
}

std::string told_leaks(const Leaks& leaks) {
    std::string text = std::to_string(leaks.all) + (leaks.all == 1 ? " leak: " : " leaks: ");
    for (std::size_t i = 0; i < leaks.told.size() && i < in_a_sentence; ++i) {
        const Leak& leak = leaks.told[i];
        text += (i > 0 ? "; " : "") + leak.kind + ": " + leak.says + " (" + rows_text(leak) + ")";
    }
    if (leaks.all > in_a_sentence) text += "; and more in status.leaks";
    return text + ". Mend them, or say allow_leaks: true and it is written down";
}

}  // namespace mw::datasets
