#include "device/isolation/isolation.h"

namespace mw::isolation {
namespace {

Error bad_limits(std::string why) { return {Errc::invalid_input, "limits." + std::move(why)}; }

}  // namespace

Result<Limits> limits_of(const Json& json) {
    Limits limits;
    if (!json.is_object()) return bad_limits("want an object");
    for (const auto& [key, value] : json.get_object()) {
        if (key == "isolation") {
            const bool none = value.is_string() && value.get_string() == "none";
            limits.process = value.is_string() && value.get_string() == "process";
            if (!none && !limits.process) return bad_limits("isolation: want process or none");
        } else if (key == "deadline_us") {
            const double us = value.is_number() ? value.to_number<double>() : 0;
            if (!(us >= 1 && us <= 60e6)) return bad_limits("deadline_us: want 1 to 60000000");
            limits.deadline = nanoseconds{static_cast<std::int64_t>(us * 1000)};
        } else if (key == "memory_bytes") {
            const double bytes = value.is_number() ? value.to_number<double>() : 0;
            if (!(bytes >= 1 << 20 && bytes <= 1e12))
                return bad_limits("memory_bytes: want at least 1048576");
            limits.memory_bytes = static_cast<std::uint64_t>(bytes);
        } else {
            return bad_limits(std::string(key) + ": want isolation, deadline_us or memory_bytes");
        }
    }
    if (limits.memory_bytes && !limits.process)
        return bad_limits(
            "memory_bytes: only a process has memory of its own; want isolation: "
            "process beside it");
    return limits;
}

Json json_of(const Limits& limits) {
    JsonObject object;
    if (limits.process) object["isolation"] = "process";
    if (limits.deadline)
        object["deadline_us"] = static_cast<double>(limits.deadline->count()) / 1000;
    if (limits.memory_bytes) object["memory_bytes"] = *limits.memory_bytes;
    return object;
}

}  // namespace mw::isolation
