#pragma once
// Inside the module: the broker's own counters as topics, $SYS/broker/..., by the names that
// mosquitto uses where it has them. Every Limits::sys_every the load averages are brought up to
// date and, if anybody subscribed below $SYS, the values are sent at QoS 0. Who subscribes gets
// them at once, as if they were retained; nothing is stored.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/mqtt/due.h"
#include "protocols/mqtt/options.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

class Core;
class Session;

// Events per minute, as exponential averages over 1, 5 and 15 minutes.
class LoadAverage {
 public:
    static constexpr std::array<int, 3> minutes_of{1, 5, 15};
    void update(std::uint64_t total, nanoseconds since_last);
    double per_minute(std::size_t which) const { return average_[which]; }

 private:
    std::uint64_t last_ = 0;
    std::array<double, 3> average_{};
};

class SysTopics final : public Due {
 public:
    explicit SysTopics(Core& core);
    // What is retained, to a session that subscribed.
    void send_current(Session& session, std::string_view filter, QoS granted,
                      std::uint32_t subscription_id);
    void on_due(SteadyTime now) override;

 private:
    using Visit = std::function<void(std::string_view topic, std::string_view text)>;
    void each(const Visit& visit) const;

    Core& core_;
    SteadyTime began_;
    SteadyTime updated_;
    std::vector<LoadAverage> loads_;  // one for each row of the table in sys_topics.cpp
};

}  // namespace mw::mqtt
