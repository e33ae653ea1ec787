#pragma once
// What an entry of the desired document asks for, and what the journal remembers of it. Plain data.

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"

namespace mw::updates {

constexpr std::size_t piece_bytes = 256 * 1024;  // of a file, read or written at once

enum class Kind { model, firmware };
std::string_view to_string(Kind kind);  // "ModelVersion", "Firmware"

// What the self-test may cost; without a value it is not looked at.
struct Budget {
    std::optional<double> latency_us_p99;
    std::optional<std::uint64_t> memory_bytes;
};

// How long the new one is watched before it stays: until it made `decisions`, or for `duration` of
// one life of the process; with more failures or restarts than allowed it goes back.
struct Watch {
    nanoseconds duration = seconds{10};
    std::uint64_t decisions = 20;
    std::uint64_t failures_max = 3;
    unsigned restarts_max = 2;
};

struct Artifact {
    Kind kind = Kind::model;
    std::string name;  // of the entry: "pump", "pump.shadow"; for firmware the product
    std::string version;
    std::string sha256;
    std::uint64_t size = 0;
    std::string filename;  // firmware
    std::string module;    // firmware
    std::string release, signature, certificate;
    std::uint64_t counter = 0;  // of the statement; set once that is verified
    Budget budget;
    Watch watch;
    Json limits = JsonObject{};  // how it is run; the installer knows what they mean

    // The same file as the same version, run in the same way.
    bool same_version(const Artifact& other) const {
        return version == other.version && sha256 == other.sha256 && limits == other.limits;
    }
    // Nothing to be tried again: the entry did not change.
    bool same_entry(const Artifact& other) const {
        return same_version(other) && release == other.release;
    }
    // The resource that the statement must name: MODEL--VERSION; a shadow is its model's.
    std::string resource() const;
};

// invalid_input names the missing key. `watch` is what holds where the entry says nothing.
Result<Artifact> artifact_of(Kind kind, std::string_view name, const Json& entry,
                             const Watch& watch);
// "watch": {"for", "decisions", "failures_max", "restarts_max"}, each over `otherwise`.
Result<Watch> watch_of(const Json& watch, const Watch& otherwise);

Json json_of(const Artifact& artifact);  // for the journal
Result<Artifact> artifact_from_json(const Json& json);

}  // namespace mw::updates
