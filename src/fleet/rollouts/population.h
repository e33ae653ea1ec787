#pragma once
// The devices of one rollout: who they are, in which order they get the version, how far each is.
// Pure; the order depends on names, labels and the rollout's name alone, so it is worked out again
// after a restart. About 100 bytes a device; 100,000 are ordered in well under a second.

#include <map>
#include <string>
#include <vector>

#include "fleet/rollouts/plan.h"

namespace mw::rollouts {

// Of the current wave and before; what a person is shown.
struct Counts {
    std::uint64_t devices = 0;     // all of the rollout
    std::uint64_t to_assign = 0;   // untouched, and within the current size
    std::uint64_t assigned = 0;    // in all waves
    std::uint64_t applied = 0;     // of those
    std::uint64_t failed = 0;      // of those
    std::uint64_t pending = 0;     // of those
    std::uint64_t there = 0;       // had the version already
    std::uint64_t left_alone = 0;  // changed by a person since
    // Of the current wave.
    std::uint64_t wave_devices = 0;
    std::uint64_t wave_failed = 0;
    std::uint64_t wave_pending = 0;
    // Of all waves.
    std::uint64_t crashing = 0;  // more restarts than `restarts_max`
    std::int64_t restarts_most = 0;
    std::string restarts_where;
};

class Population {
 public:
    Population() = default;
    // `class_of`: device class by DeviceProfile, needed when the plan limits classes.
    Population(const Plan& plan, Timestamp planned_at, std::map<std::string, std::string> class_of);

    // A device as it is now: joins, changes or leaves. Returns whether anything moved.
    bool take(const Resource& device);
    bool drop(const std::string& name);
    // How often it has started, as it says itself. Returns whether it restarted since it got it.
    bool note_boots(const std::string& name, std::int64_t boots);

    std::size_t size() const { return members_.size(); }
    // Untouched devices of the first `size` in order, at most `most`.
    std::vector<std::string> to_assign(std::uint64_t size, std::size_t most);
    // Devices that want the version because of this rollout, by name.
    std::vector<std::string> to_withdraw(std::size_t most) const;
    // After the time to install is over, silence is a failure.
    Counts count(std::uint64_t size, std::int64_t wave, bool silence_fails,
                 std::optional<double> restarts_max);

    enum class Arm : std::uint8_t { neither, canary, control };
    // Canaries got the version in `wave`; controls are untouched.
    Arm arm_of(const std::string& name, std::int64_t wave) const;
    std::string stratum_of(const std::string& name) const;
    std::uint64_t arm_size(Arm arm, std::int64_t wave) const;

    // The first devices that failed, with their reasons.
    const std::map<std::string, std::string>& failing() const { return failing_; }
    static constexpr std::size_t failing_max = 20;
    std::size_t bytes() const;  // memory held, as far as it is ours

 private:
    struct Member {
        std::string name;
        std::uint64_t draw = 0;      // its lot, from the rollout's name and its own
        double place = 0;            // between 0 and 1 within its stratum
        std::uint64_t revision = 0;  // newest seen
        std::int32_t restarts = 0;
        std::int32_t boots_seen = 0;  // the last that it said; 0: nothing yet
        std::uint32_t stratum = 0;
        Standing standing = Standing::untouched;
        Install install = Install::pending;
        std::uint8_t wave = 0;
        bool speaks = false;  // note_boots heard it: its status, which lags, is not asked
    };
    bool belongs(const Resource& device) const;
    std::uint32_t stratum_index(const Resource& device);
    void write(Member& member, const Resource& device);
    static bool count_boots(Member& member, std::int64_t boots);
    std::vector<Member>::iterator find(const std::string& name);
    std::vector<Member>::const_iterator find(const std::string& name) const;
    void order();
    void note_failure(const Member& member, const std::string& reason);

    Aim aim_;
    Selector selector_;
    std::vector<std::string> stratify_by_;
    std::vector<std::string> classes_;
    std::map<std::string, std::string> class_of_;
    Timestamp planned_at_;
    std::vector<Member> members_;  // by name, once ordered
    std::vector<std::uint32_t> ordered_;
    bool ordered_now_ = false;
    std::vector<std::string> strata_;
    std::map<std::string, std::uint32_t> stratum_numbers_;
    std::map<std::string, std::string> failing_;
};

}  // namespace mw::rollouts
