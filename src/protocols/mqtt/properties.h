#pragma once
// MQTT 5 properties (section 2.2.2): one table drives reading, writing and checking.
// Texts are views into the packet's bytes; a Properties value may be kept and reused to avoid
// allocation.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace mw::mqtt {

enum class Property : std::uint8_t {
    payload_format = 1,
    message_expiry = 2,
    content_type = 3,
    response_topic = 8,
    correlation_data = 9,
    subscription_id = 11,
    session_expiry = 17,
    assigned_client_id = 18,
    server_keep_alive = 19,
    authentication_method = 21,
    authentication_data = 22,
    request_problem_information = 23,
    will_delay = 24,
    request_response_information = 25,
    response_information = 26,
    server_reference = 28,
    reason_string = 31,
    receive_maximum = 33,
    topic_alias_maximum = 34,
    topic_alias = 35,
    maximum_qos = 36,
    retain_available = 37,
    user_property = 38,
    maximum_packet_size = 39,
    wildcard_available = 40,
    subscription_id_available = 41,
    shared_available = 42,
};

struct UserProperty {
    std::string_view name;
    std::string_view value;
};

class Properties {
 public:
    bool empty() const { return present_ == 0; }
    bool has(Property id) const { return (present_ >> static_cast<unsigned>(id) & 1) != 0; }
    std::uint32_t number(Property id, std::uint32_t otherwise) const;
    std::string_view text(
        Property id) const;  // empty where absent; correlation data may be any bytes
    const std::vector<UserProperty>& user() const { return user_; }
    const std::vector<std::uint32_t>& subscription_ids() const { return subscription_ids_; }

    void set(Property id, std::uint32_t value);
    void set(Property id, std::string_view value);
    void add_user(std::string_view name, std::string_view value);
    void add_subscription_id(std::uint32_t id);
    void remove(Property id);
    void clear();  // keeps the buffers

 private:
    friend class PropertyReader;
    friend class PropertyWriter;
    std::uint64_t present_ = 0;
    std::array<std::uint32_t, 16> numbers_{};
    std::array<std::string_view, 9> texts_{};
    std::vector<UserProperty> user_;
    std::vector<std::uint32_t> subscription_ids_;
};

}  // namespace mw::mqtt
