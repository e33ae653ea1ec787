#pragma once
// spBv1.0/GROUP/TYPE/NODE[/DEVICE]. Pure; views into the topic's text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mw::sparkplug {

inline constexpr std::string_view topic_root = "spBv1.0/";

enum class MessageType : std::uint8_t {
    node_birth,
    node_death,
    node_data,
    node_command,
    device_birth,
    device_death,
    device_data,
    device_command,
};
inline constexpr std::size_t message_types = 8;
std::string_view to_string(MessageType type);  // "NBIRTH"

struct Topic {
    MessageType type = MessageType::node_data;
    std::string_view group;
    std::string_view node;
    std::string_view device;  // empty where the type has none
};

// nullopt: not of this shape. STATE messages are not.
std::optional<Topic> parse_topic(std::string_view topic);

constexpr bool is_command(MessageType type) {
    return type == MessageType::node_command || type == MessageType::device_command;
}

std::string command_topic(std::string_view group, std::string_view node);  // NCMD
std::string state_topic(std::string_view host_id);

}  // namespace mw::sparkplug
