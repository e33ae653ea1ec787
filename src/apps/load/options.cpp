#include "apps/load/options.h"

namespace mw::load {
namespace {

constexpr std::uint32_t connections_max = 50'000;
constexpr std::uint32_t rate_max = 1'000'000;
constexpr std::uint32_t in_flight_max = 10'000;
constexpr std::uint32_t payload_least = 24;  // publisher, count and time stand in it
constexpr std::uint32_t payload_max = 1 << 20;
constexpr nanoseconds duration_max = hours{1};

constexpr std::pair<Shape, std::string_view> shapes[]{{Shape::fan_in, "fan-in"},
                                                      {Shape::fan_out, "fan-out"},
                                                      {Shape::pairs, "pairs"},
                                                      {Shape::connect, "connect"}};

bool is_this_machine(std::string_view host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<> within_bounds(std::string_view what, std::uint64_t value, std::uint64_t least,
                       std::uint64_t most) {
    if (value >= least && value <= most) return {};
    return Error{Errc::invalid_input, std::string(what) + ": want " + std::to_string(least) +
                                          " to " + std::to_string(most) + ", not " +
                                          std::to_string(value)};
}

Result<> check_target(const Options& options) {
    if (is_this_machine(options.host) || options.allowed_host == options.host) return {};
    return Error{Errc::denied,
                 "'" + options.host +
                     "' is not this machine, and a load can put a broker out of service. If it is "
                     "yours to load: --yes-load " +
                     options.host};
}

}  // namespace

Result<Shape> shape_from(std::string_view text) {
    std::string all;
    for (const auto& [shape, name] : shapes) {
        if (name == text) return shape;
        all.append(all.empty() ? "" : ", ").append(name);
    }
    return Error{Errc::invalid_input,
                 "no shape '" + std::string(text) + "' (want one of: " + all + ")"};
}

std::string_view to_string(Shape shape) {
    for (const auto& [one, name] : shapes)
        if (one == shape) return name;
    return "";
}

Result<> check(const Options& o) {
    TRY_VOID(check_target(o));
    const std::uint64_t connections = std::uint64_t{o.publishers} + o.subscribers + o.idle;
    TRY_VOID(within_bounds("connections in all", connections, 1, connections_max));
    TRY_VOID(within_bounds("--opening", o.opening, 1, 1'000));
    TRY_VOID(within_bounds("--rate", o.rate, 0, rate_max));
    TRY_VOID(within_bounds("--in-flight", o.in_flight, 1, in_flight_max));
    TRY_VOID(within_bounds("--payload", o.payload_bytes, payload_least, payload_max));
    if (o.duration.count() <= 0 || o.duration > duration_max)
        return Error{Errc::invalid_input, "--for: want more than zero and at most 1h"};
    if (o.shape == Shape::connect) return {};
    if (o.publishers == 0) return Error{Errc::invalid_input, "--publishers: want at least one"};
    if (o.shape == Shape::pairs && o.publishers != o.subscribers)
        return Error{Errc::invalid_input, "pairs want as many subscribers as publishers"};
    if (o.subscribers == 0 && o.qos == mqtt::QoS::at_most_once && o.rate == 0)
        return Error{Errc::invalid_input,
                     "--rate: QoS 0 without subscribers has no answer to wait for; give a rate"};
    const auto fault = mqtt::topic_name_fault(o.topic, 30);
    if (!fault.empty()) return Error{Errc::invalid_input, "--topic: " + std::string(fault)};
    if (o.certificate_file.empty() != o.key_file.empty())
        return Error{Errc::invalid_input, "--cert and --key: want both or none"};
    return {};
}

}  // namespace mw::load
