#pragma once
// Which topics a bridge carries, which way, and what they are called on either side. Plain data
// without I/O. Limit: bridge_topics_max rows.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

inline constexpr std::size_t bridge_topics_max = 100;

enum class BridgeDirection : std::uint8_t { in, out, both };  // in: from the remote broker to ours

// A message whose local topic is local_prefix + X has the remote topic remote_prefix + X, if X
// matches the filter.
struct BridgeTopic {
    std::string filter;
    BridgeDirection direction = BridgeDirection::both;
    QoS qos = QoS::at_least_once;  // at most
    std::string local_prefix = {};
    std::string remote_prefix = {};

    bool goes_out() const { return direction != BridgeDirection::in; }
    bool comes_in() const { return direction != BridgeDirection::out; }
};

class BridgeMap {
 public:
    // invalid_input says which row is wrong, and how.
    static Result<BridgeMap> make(std::vector<BridgeTopic> topics);

    struct Row {
        BridgeTopic topic;
        std::string local_filter, remote_filter;
    };
    const std::vector<Row>& rows() const { return rows_; }
    bool has_out() const;
    bool has_in() const;
    bool sends_exactly_once() const;

    // Writes the other side's topic. False: no row carries it that way. The first that does counts.
    bool to_remote(std::string_view local, std::string& remote) const;
    bool to_local(std::string_view remote, std::string& local) const;
    // By how many bytes at most a topic grows.
    std::size_t growth_out() const;
    std::size_t growth_in() const;

 private:
    std::vector<Row> rows_;
};

}  // namespace mw::mqtt
