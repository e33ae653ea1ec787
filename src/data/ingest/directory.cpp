#include "data/ingest/directory.h"

namespace mw::ingest {

void DeviceDirectory::put(const std::string& name, DeviceFacts facts) {
    KnownDevice& device = devices_[name];
    device.id.text = name;
    device.facts = std::move(facts);
    if (!device.facts.rules) device.facts.rules = quality::default_rules();
    // A declared unit may have changed: series are asked for again.
    device.signals.clear();
    device.order.clear();
}

bool DeviceDirectory::remove(const std::string& name) { return devices_.erase(name) > 0; }

KnownDevice* DeviceDirectory::find(std::string_view name) {
    const auto found = devices_.find(name);
    return found == devices_.end() ? nullptr : &found->second;
}

}  // namespace mw::ingest
