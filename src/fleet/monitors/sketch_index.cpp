#include "fleet/monitors/sketch_index.h"

#include <algorithm>
#include <set>

#include "base/log.h"

namespace mw::monitors {
namespace {
constexpr std::size_t overhead_bytes = 256;  // of an entry, beside its body
}

Result<bool> SketchIndex::put(const std::string& device, const std::string& model, ByteView body) {
    TRY(const drift::Sketch sketch, drift::decode_sketch(body));
    Model& known = models_[model];
    if (sketch.to + limits_.age_max < known.newest) return false;
    const auto [at, is_new] =
        known.windows.try_emplace(Key{sketch.from, device, sketch.bundle, sketch.part},
                                  Entry{sketch.to, Bytes(body.begin(), body.end())});
    if (!is_new) return false;
    ++sketches_;
    bytes_ += body.size() + overhead_bytes;
    known.newest = std::max(known.newest, sketch.to);
    known.longest = std::max(known.longest, sketch.to - sketch.from);
    trim(known);
    return true;
}

void SketchIndex::drop_first(Model& model) {
    bytes_ -= model.windows.begin()->second.body.size() + overhead_bytes;
    --sketches_;
    model.windows.erase(model.windows.begin());
}

void SketchIndex::trim(Model& model) {
    while (!model.windows.empty() &&
           model.windows.begin()->second.to + limits_.age_max < model.newest)
        drop_first(model);
    while (bytes_ > limits_.bytes_max) {
        Model* largest = &model;
        for (auto& [name, other] : models_)
            if (other.windows.size() > largest->windows.size()) largest = &other;
        if (largest->windows.empty()) return;
        drop_first(*largest);
    }
}

template <class Visit>
void SketchIndex::visit(const std::string& model, Timestamp after, Visit&& visit) const {
    const auto found = models_.find(model);
    if (found == models_.end()) return;
    const Key first{after - found->second.longest, "", "", 0};
    for (auto at = found->second.windows.lower_bound(first); at != found->second.windows.end();
         ++at)
        if (at->second.to > after) visit(at->first, at->second);
}

std::vector<drift::DeviceCounts> SketchIndex::counts(
    const std::string& model, const std::string& bundle, Timestamp after,
    const std::function<std::optional<std::string>(const std::string&)>& stratum) const {
    std::map<std::string, drift::DeviceCounts> devices;
    visit(model, after, [&](const Key& key, const Entry& entry) {
        const std::string& device = std::get<1>(key);
        if (std::get<2>(key) != bundle) return;
        const auto group = stratum(device);
        if (!group) return;
        auto sketch = drift::decode_sketch(entry.body);
        if (!sketch) return;
        auto& known = devices[device];
        known.device = device;
        known.stratum = *group;
        if (auto merged = known.counts.merge(sketch->counts); !merged)
            log::warn("monitors.sketch.other_bins",
                      {{"device", device}, {"reason", merged.error().message}});
    });
    std::vector<drift::DeviceCounts> all;
    for (auto& [name, counts] : devices) all.push_back(std::move(counts));
    return all;
}

std::optional<SketchIndex::Window> SketchIndex::newest(const std::string& model,
                                                       nanoseconds length) const {
    const auto found = models_.find(model);
    if (found == models_.end() || found->second.windows.empty()) return std::nullopt;
    Window window{"", found->second.newest - length, found->second.newest};
    std::map<std::string, std::set<std::string>> devices;
    visit(model, window.from, [&](const Key& key, const Entry&) {
        devices[std::get<2>(key)].insert(std::get<1>(key));
    });
    std::size_t most = 0;
    for (const auto& [bundle, with] : devices)
        if (with.size() > most) most = with.size(), window.bundle = bundle;
    return window;
}

Histogram SketchIndex::latency_us(const std::string& model, const std::string& bundle,
                                  Timestamp after) const {
    Histogram all;
    visit(model, after, [&](const Key& key, const Entry& entry) {
        if (std::get<2>(key) != bundle) return;
        if (const auto sketch = drift::decode_sketch(entry.body)) all.merge(sketch->latency_us);
    });
    return all;
}

}  // namespace mw::monitors
