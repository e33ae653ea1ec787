#pragma once
// What a load may be asked to do. Plain data.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::load {

// fan_in, fan_out: every subscriber gets everything. pairs: each its own publisher's. connect: no
// messages.
enum class Shape { fan_in, fan_out, pairs, connect };
Result<Shape> shape_from(std::string_view text);  // "fan-in"; the error lists them
std::string_view to_string(Shape shape);

struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::string allowed_host = {};  // must be `host` if that is not this machine
    Shape shape = Shape::fan_in;
    std::uint32_t publishers = 100;
    std::uint32_t subscribers = 1;
    std::uint32_t idle = 0;        // further connections that only stay
    std::uint32_t opening = 32;    // connections that open at the same time
    std::uint32_t rate = 0;        // messages a second of all publishers; 0: a closed loop
    std::uint32_t in_flight = 20;  // of one publisher, not yet arrived or acknowledged
    std::uint64_t messages = 0;    // of each publisher; 0: as many as the time allows
    std::uint32_t payload_bytes = 64;
    mqtt::QoS qos = mqtt::QoS::at_least_once;
    mqtt::Version version = mqtt::Version::v5;
    nanoseconds duration = seconds{10};
    nanoseconds drain = seconds{5};  // for what is under way at the end
    std::string topic = "load";      // topics are TOPIC/0, TOPIC/1, ...
    bool tls = false;
    std::string ca_file = {}, certificate_file = {}, key_file = {};  // PEM
};

// invalid_input or denied, with the option and what to do.
Result<> check(const Options& options);

}  // namespace mw::load
