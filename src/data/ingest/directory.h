#pragma once
// The devices that may send, and what ingest must know of each. Filled by whoever watches the
// registry, with owned values, on the data loop.

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/history/history.h"
#include "domain/point.h"
#include "domain/unit.h"
#include "insight/quality/quality.h"

namespace mw::ingest {

struct DeviceFacts {
    quality::Rules rules;  // null: default_rules()
    std::string asset;
    std::string site;
};

// A device and what ingest remembers of its series.
struct KnownDevice {
    // One signal's place in history.
    struct Signal {
        std::string name;
        std::string sent_unit;  // as last seen in a run
        ValueType sent_type = ValueType::number;
        history::SeriesRef ref;
        Conversion to_declared;  // from sent_unit, if `converts`
        bool converts = false;
    };

    DeviceId id;
    DeviceFacts facts;
    std::unordered_map<std::string, Signal> signals;
    std::vector<Signal*> order;  // of the runs in its last message: the next is likely the same
};

class DeviceDirectory {
 public:
    void put(const std::string& name, DeviceFacts facts);
    bool remove(const std::string& name);
    KnownDevice* find(std::string_view name);
    std::size_t size() const { return devices_.size(); }
    // Grows when a device left or its rules changed: what was found by name may be wrong now.
    std::uint64_t epoch() const { return epoch_; }

 private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    std::unordered_map<std::string, KnownDevice, Hash, std::equal_to<>> devices_;
    std::uint64_t epoch_ = 1;
};

}  // namespace mw::ingest
