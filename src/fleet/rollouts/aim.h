#pragma once
// Where in a Device the rolled out version stands, and how it is put there and taken away. Pure.

#include <optional>
#include <string>

#include "domain/resource.h"

namespace mw::rollouts {

struct Aim {
    enum class Shelf { models, firmware } shelf = Shelf::models;
    std::string product;  // the model's or the firmware's
    std::string version;
    std::string rollout;
    bool shadow = false;

    std::string reported_as() const { return shadow ? product + ".shadow" : product; }
    // The key of Device.status under which the rollout remembers what it did there.
    std::string trace_key() const;
};

// What the rollout left in Device.status before it changed the spec: enough to tell, after a
// restart, in which wave it was and whether somebody else changed the spec since.
struct Trace {
    std::string rollout;
    std::int64_t wave = 0;
    std::int64_t boots = 0;        // starts that the device had counted, of its last hour
    std::uint64_t generation = 0;  // of the spec that was about to be changed
    Timestamp since;
    bool withdrawn = false;  // it was about to be taken away again
};
std::optional<Trace> trace_of(const Resource& device, const Aim& aim);
Json trace_json(const Trace& trace);

enum class Standing : std::uint8_t {
    untouched,  // may be assigned
    assigned,   // wants the version because of this rollout
    there,      // wanted the version before; never ours to take away
    changed,    // was assigned by this rollout, and a person changed it since: left alone
    withdrawn,  // was assigned by this rollout, and taken away by it
    unfit,      // a shadow without a champion
};
// Traces older than `planned_at` are those of an earlier rollout of the same name.
Standing standing_of(const Resource& device, const Aim& aim, Timestamp planned_at);

// The device's spec with the version assigned (what ran before is kept in `previous`), or with the
// former version back. Only meant for untouched and for assigned devices.
Json assigned_spec(const Resource& device, const Aim& aim);
Json withdrawn_spec(const Resource& device, const Aim& aim);

enum class Install : std::uint8_t { pending, applied, failed };
struct InstallReport {
    Install install = Install::pending;
    std::string reason;  // of a failure: "code: text"
};
// What the device itself said about the version, as far as it answers to our assignment.
InstallReport install_of(const Resource& device, const Aim& aim, const Trace& trace);

std::int64_t boots_of(const Resource& device);

}  // namespace mw::rollouts
