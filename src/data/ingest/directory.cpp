#include "data/ingest/directory.h"

namespace mw::ingest {

void DeviceDirectory::put(const std::string& name, DeviceFacts facts) {
    KnownDevice& device = devices_[name];
    device.id.text = name;
    if (!facts.rules) facts.rules = quality::default_rules();
    const bool same_rules = facts.rules == device.facts.rules;
    device.facts = std::move(facts);
    if (same_rules) return;
    // A declared unit may have changed: series are asked for again.
    ++epoch_;
    device.order.clear();
    device.signals.clear();
}

bool DeviceDirectory::remove(const std::string& name) {
    if (devices_.erase(name) == 0) return false;
    ++epoch_;
    return true;
}

KnownDevice* DeviceDirectory::find(std::string_view name) {
    const auto found = devices_.find(name);
    return found == devices_.end() ? nullptr : &found->second;
}

}  // namespace mw::ingest
