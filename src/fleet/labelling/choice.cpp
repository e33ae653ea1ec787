#include "fleet/labelling/choice.h"

#include <cmath>

#include "platform/crypto/crypto.h"

namespace mw::labelling {
namespace {

// A number in [0, 1) that depends on the window, the stream and the seed alone.
double chance(const Monitor& monitor, const Decision& decision, std::string_view stream) {
    const std::string key = std::to_string(monitor.seed) + '\0' + std::string(stream) + '\0' +
                            monitor.name + '\0' + decision.device.text + '\0' + decision.model +
                            '\0' + std::to_string(decision.window_to.ns);
    const auto digest = crypto::sha256(bytes_of(key));
    return static_cast<double>(load_le<std::uint64_t>(digest.data()) >> 11) * 0x1p-53;
}

}  // namespace

Result<Monitor> monitor_of(const Resource& resource) {
    Monitor monitor;
    monitor.name = resource.name;
    monitor.domain = resource.domain;
    TRY(monitor.use_case, want_string(resource.spec, "use_case"));
    TRY(monitor.model, want_string(resource.spec, "model"));
    TRY(monitor.selector,
        parse_label_selector(find_string(resource.spec, "selector").value_or("")));
    const auto share = [&](std::string_view key, double& value) {
        value = find_number(resource.spec, "labels." + std::string(key)).value_or(value);
    };
    share("audit", monitor.audit);
    share("unsure", monitor.unsure);
    share("drifted", monitor.drifted);
    if (const auto open = find_integer(resource.spec, "labels.open_max"); open && *open >= 0)
        monitor.open_max = static_cast<std::size_t>(*open);
    if (const auto seed = find_integer(resource.spec, "labels.seed"))
        monitor.seed = static_cast<std::uint64_t>(*seed);
    if (const auto after = find_string(resource.spec, "labels.expire_after")) {
        TRY(monitor.expire_after, parse_duration(*after).context("labels.expire_after"));
    }
    if (const Json* devices = find(resource.status, "drifting_devices");
        devices && devices->is_array())
        for (const Json& device : devices->get_array())
            if (device.is_string()) monitor.drifting.emplace(device.get_string());
    return monitor;
}

std::optional<Choice> choose(const Monitor& monitor, const Decision& decision, const Room& room) {
    if (!room.any) return std::nullopt;
    const bool drifts = room.aimed && monitor.drifting.contains(decision.device.text);
    const double by_audit = monitor.audit;
    const double by_unsure = room.aimed && room.nearest ? 1 : 0;
    const double by_drifted = drifts ? monitor.drifted : 0;
    Choice choice;
    if (chance(monitor, decision, "audit") < by_audit)
        choice.why = "audit";
    else if (by_unsure > 0)
        choice.why = "unsure";
    else if (chance(monitor, decision, "drifted") < by_drifted)
        choice.why = "drifted";
    else
        return std::nullopt;
    choice.propensity = 1 - (1 - by_audit) * (1 - by_unsure) * (1 - by_drifted);
    return choice;
}

bool NearestShare::take(double distance, double share) {
    bool nearest = false;
    if (share > 0 && sorted_.size() >= least) {
        const auto place = static_cast<std::size_t>(share * static_cast<double>(sorted_.size()));
        if (place >= sorted_.size())
            nearest = true;
        else
            nearest = distance < *std::next(sorted_.begin(), static_cast<std::ptrdiff_t>(place));
    }
    if (!std::isfinite(distance)) return false;
    recent_.push_back(distance);
    sorted_.insert(distance);
    if (recent_.size() > remembered) {
        sorted_.erase(sorted_.find(recent_.front()));
        recent_.pop_front();
    }
    return nearest;
}

}  // namespace mw::labelling
