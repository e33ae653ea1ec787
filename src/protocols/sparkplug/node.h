#pragma once
// Inside the module: what the host knows of one edge node since its birth. Plain tables; the
// machine that moves them is host.cpp.

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "domain/point.h"
#include "protocols/sparkplug/decode.h"
#include "protocols/sparkplug/rebirth.h"
#include "protocols/sparkplug/sequence.h"
#include "protocols/sparkplug/topic.h"

namespace mw::sparkplug {

struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
};

// A metric as its birth told it, and the newest value.
struct KnownMetric {
    std::string signal;
    std::string unit;
    DataType type = DataType::unknown;
    double value = 0;
    std::optional<BoxedValue> boxed;  // the value, if no double says it
    Timestamp time;
    bool has_value = false;
    bool stale = false;         // the newest point says so
    std::optional<Skip> never;  // why it is no signal
};

// The metrics of an edge node itself or of one device behind it. Aliases are looked up where the
// topic says, so a node that reuses one for two devices is understood.
struct MetricTable {
    std::string target;  // the Device resource that gets the points
    std::string prefix;  // of signals
    std::vector<KnownMetric> metrics;
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> by_name;
    std::unordered_map<std::uint64_t, std::uint32_t> by_alias;
};

struct DeviceBehind {
    MetricTable table;
    bool awaited = false;  // its node was born again, it not yet
};

// A message that waits for those before it.
struct HeldMessage {
    MessageType type = MessageType::device_data;
    std::uint8_t seq = 0;
    std::string device;
    Bytes body;
};

struct Node {
    enum class State : std::uint8_t { unborn, born, dying };  // dying: not yet all told stale

    Node(std::string group_name, std::string node_name, RebirthLimit limit)
        : group(std::move(group_name)), node(std::move(node_name)), rebirth(limit) {}

    std::string group, node;
    std::string resource;                                        // the Device that stands for it
    std::map<std::string, std::string, std::less<>> devices_to;  // device behind it: its Device
    State state = State::unborn;
    Sequence sequence;
    std::optional<std::uint64_t> bd_seq;
    MetricTable table;
    std::unordered_map<std::string, DeviceBehind, TextHash, std::equal_to<>> devices;
    std::vector<HeldMessage> held;
    std::size_t held_bytes = 0;
    std::optional<SteadyTime> gap_until;     // then held messages wait no longer
    std::optional<SteadyTime> births_until;  // then awaited devices are stale
    Timestamp died;                          // dying
    RebirthLimit rebirth;
    std::string rebirth_reason;
    // A message that storage refused half way is offered again: so many of its batches are stored.
    std::size_t half_done_hash = 0;
    std::size_t half_done = 0;
};

}  // namespace mw::sparkplug
