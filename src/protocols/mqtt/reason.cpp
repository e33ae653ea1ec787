#include "protocols/mqtt/reason.h"

#include <array>

namespace mw::mqtt {
namespace {

struct Reason {
    ReasonCode code;
    std::string_view words;
};

constexpr std::array rows{
    Reason{ReasonCode::success, "success"},
    Reason{ReasonCode::granted_qos_1, "granted QoS 1"},
    Reason{ReasonCode::granted_qos_2, "granted QoS 2"},
    Reason{ReasonCode::disconnect_with_will, "disconnect with will message"},
    Reason{ReasonCode::no_matching_subscribers, "no matching subscribers"},
    Reason{ReasonCode::no_subscription_existed, "no subscription existed"},
    Reason{ReasonCode::continue_authentication, "continue authentication"},
    Reason{ReasonCode::reauthenticate, "re-authenticate"},
    Reason{ReasonCode::unspecified_error, "unspecified error"},
    Reason{ReasonCode::malformed_packet, "malformed packet"},
    Reason{ReasonCode::protocol_error, "protocol error"},
    Reason{ReasonCode::implementation_specific_error, "implementation specific error"},
    Reason{ReasonCode::unsupported_protocol_version, "unsupported protocol version"},
    Reason{ReasonCode::client_identifier_not_valid, "client identifier not valid"},
    Reason{ReasonCode::bad_user_name_or_password, "bad user name or password"},
    Reason{ReasonCode::not_authorized, "not authorized"},
    Reason{ReasonCode::server_unavailable, "server unavailable"},
    Reason{ReasonCode::server_busy, "server busy"},
    Reason{ReasonCode::banned, "banned"},
    Reason{ReasonCode::server_shutting_down, "server shutting down"},
    Reason{ReasonCode::bad_authentication_method, "bad authentication method"},
    Reason{ReasonCode::keep_alive_timeout, "keep alive timeout"},
    Reason{ReasonCode::session_taken_over, "session taken over"},
    Reason{ReasonCode::topic_filter_invalid, "topic filter invalid"},
    Reason{ReasonCode::topic_name_invalid, "topic name invalid"},
    Reason{ReasonCode::packet_identifier_in_use, "packet identifier in use"},
    Reason{ReasonCode::packet_identifier_not_found, "packet identifier not found"},
    Reason{ReasonCode::receive_maximum_exceeded, "receive maximum exceeded"},
    Reason{ReasonCode::topic_alias_invalid, "topic alias invalid"},
    Reason{ReasonCode::packet_too_large, "packet too large"},
    Reason{ReasonCode::message_rate_too_high, "message rate too high"},
    Reason{ReasonCode::quota_exceeded, "quota exceeded"},
    Reason{ReasonCode::administrative_action, "administrative action"},
    Reason{ReasonCode::payload_format_invalid, "payload format invalid"},
    Reason{ReasonCode::retain_not_supported, "retain not supported"},
    Reason{ReasonCode::qos_not_supported, "QoS not supported"},
    Reason{ReasonCode::use_another_server, "use another server"},
    Reason{ReasonCode::server_moved, "server moved"},
    Reason{ReasonCode::shared_subscriptions_not_supported, "shared subscriptions not supported"},
    Reason{ReasonCode::connection_rate_exceeded, "connection rate exceeded"},
    Reason{ReasonCode::maximum_connect_time, "maximum connect time"},
    Reason{ReasonCode::subscription_identifiers_not_supported,
           "subscription identifiers not supported"},
    Reason{ReasonCode::wildcard_subscriptions_not_supported,
           "wildcard subscriptions not supported"},
};

}  // namespace

std::string_view to_string(ReasonCode code) {
    for (const Reason& row : rows)
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
