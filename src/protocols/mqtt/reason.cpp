#include "protocols/mqtt/reason.h"

#include <array>

namespace mw::mqtt {
namespace {

struct Row {
    ReasonCode code;
    std::string_view words;
};

constexpr std::array rows{
    Row{ReasonCode::success, "success"},
    Row{ReasonCode::granted_qos_1, "granted QoS 1"},
    Row{ReasonCode::granted_qos_2, "granted QoS 2"},
    Row{ReasonCode::disconnect_with_will, "disconnect with will message"},
    Row{ReasonCode::no_matching_subscribers, "no matching subscribers"},
    Row{ReasonCode::no_subscription_existed, "no subscription existed"},
    Row{ReasonCode::continue_authentication, "continue authentication"},
    Row{ReasonCode::reauthenticate, "re-authenticate"},
    Row{ReasonCode::unspecified_error, "unspecified error"},
    Row{ReasonCode::malformed_packet, "malformed packet"},
    Row{ReasonCode::protocol_error, "protocol error"},
    Row{ReasonCode::implementation_specific_error, "implementation specific error"},
    Row{ReasonCode::unsupported_protocol_version, "unsupported protocol version"},
    Row{ReasonCode::client_identifier_not_valid, "client identifier not valid"},
    Row{ReasonCode::bad_user_name_or_password, "bad user name or password"},
    Row{ReasonCode::not_authorized, "not authorized"},
    Row{ReasonCode::server_unavailable, "server unavailable"},
    Row{ReasonCode::server_busy, "server busy"},
    Row{ReasonCode::banned, "banned"},
    Row{ReasonCode::server_shutting_down, "server shutting down"},
    Row{ReasonCode::bad_authentication_method, "bad authentication method"},
    Row{ReasonCode::keep_alive_timeout, "keep alive timeout"},
    Row{ReasonCode::session_taken_over, "session taken over"},
    Row{ReasonCode::topic_filter_invalid, "topic filter invalid"},
    Row{ReasonCode::topic_name_invalid, "topic name invalid"},
    Row{ReasonCode::packet_identifier_in_use, "packet identifier in use"},
    Row{ReasonCode::packet_identifier_not_found, "packet identifier not found"},
    Row{ReasonCode::receive_maximum_exceeded, "receive maximum exceeded"},
    Row{ReasonCode::topic_alias_invalid, "topic alias invalid"},
    Row{ReasonCode::packet_too_large, "packet too large"},
    Row{ReasonCode::message_rate_too_high, "message rate too high"},
    Row{ReasonCode::quota_exceeded, "quota exceeded"},
    Row{ReasonCode::administrative_action, "administrative action"},
    Row{ReasonCode::payload_format_invalid, "payload format invalid"},
    Row{ReasonCode::retain_not_supported, "retain not supported"},
    Row{ReasonCode::qos_not_supported, "QoS not supported"},
    Row{ReasonCode::use_another_server, "use another server"},
    Row{ReasonCode::server_moved, "server moved"},
    Row{ReasonCode::shared_subscriptions_not_supported, "shared subscriptions not supported"},
    Row{ReasonCode::connection_rate_exceeded, "connection rate exceeded"},
    Row{ReasonCode::maximum_connect_time, "maximum connect time"},
    Row{ReasonCode::subscription_identifiers_not_supported,
        "subscription identifiers not supported"},
    Row{ReasonCode::wildcard_subscriptions_not_supported, "wildcard subscriptions not supported"},
};

}  // namespace

std::string_view to_string(ReasonCode code) {
    for (const Row& row : rows)
        if (row.code == code) return row.words;
    return "unknown reason";
}

std::uint8_t connack_return_code(ReasonCode code) {
    switch (code) {
        case ReasonCode::success:
            return 0;
        case ReasonCode::unsupported_protocol_version:
            return 1;
        case ReasonCode::client_identifier_not_valid:
            return 2;
        case ReasonCode::bad_user_name_or_password:
            return 4;
        case ReasonCode::not_authorized:
        case ReasonCode::banned:
            return 5;
        default:
            return 3;  // server unavailable: the only one that fits the rest
    }
}

ReasonCode reason_of_return_code(std::uint8_t code) {
    switch (code) {
        case 0:
            return ReasonCode::success;
        case 1:
            return ReasonCode::unsupported_protocol_version;
        case 2:
            return ReasonCode::client_identifier_not_valid;
        case 3:
            return ReasonCode::server_unavailable;
        case 4:
            return ReasonCode::bad_user_name_or_password;
        case 5:
            return ReasonCode::not_authorized;
        default:
            return ReasonCode::unspecified_error;
    }
}

}  // namespace mw::mqtt
