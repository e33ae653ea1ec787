#include "fleet/rollouts/population.h"

#include <algorithm>
#include <numeric>

namespace mw::rollouts {
namespace {

// FNV-1a, then the finalizer of MurmurHash3: the order must be the same on every machine.
std::uint64_t lot_of(std::string_view rollout, std::string_view device) {
    std::uint64_t h = 14695981039346656037u;
    const auto mix = [&h](std::string_view text) {
        for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
        h = (h ^ 0xffu) * 1099511628211u;
    };
    mix(rollout);
    mix(device);
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

}  // namespace

Population::Population(const Plan& plan, Timestamp planned_at,
                       std::map<std::string, std::string> class_of)
    : aim_(plan.aim),
      selector_(plan.selector),
      stratify_by_(plan.stratify_by),
      classes_(plan.device_classes),
      class_of_(std::move(class_of)),
      planned_at_(planned_at) {}

bool Population::belongs(const Resource& device) const {
    if (!matches_labels(selector_, device.labels)) return false;
    // Who came after the plan was made is in no wave, so that waves keep their size.
    if (device.created > planned_at_) return false;
    if (classes_.empty()) return true;
    const auto found = class_of_.find(find_string(device.spec, "profile").value_or(""));
    return found != class_of_.end() &&
           std::find(classes_.begin(), classes_.end(), found->second) != classes_.end();
}

std::uint32_t Population::stratum_index(const Resource& device) {
    std::string text;
    for (const auto& key : stratify_by_) {
        const auto found = device.labels.find(key);
        if (!text.empty()) text += ',';
        text += key + '=' + (found == device.labels.end() ? "" : found->second);
    }
    const auto [at, fresh] =
        stratum_numbers_.try_emplace(text, static_cast<std::uint32_t>(strata_.size()));
    if (fresh) strata_.push_back(std::move(text));
    return at->second;
}

void Population::write(Member& member, const Resource& device) {
    member.revision = device.revision;
    member.standing = standing_of(device, aim_, planned_at_);
    member.stratum = stratum_index(device);
    const auto trace = trace_of(device, aim_);
    const bool ours = trace && member.standing == Standing::assigned;
    member.wave = ours ? static_cast<std::uint8_t>(trace->wave) : std::uint8_t{0};
    if (!ours) {
        member.boots_seen = member.restarts = 0;
        member.speaks = false;
    } else if (!member.speaks) {
        if (member.boots_seen == 0) member.boots_seen = static_cast<std::int32_t>(trace->boots);
        count_boots(member, boots_of(device));
    }
    const InstallReport report = ours ? install_of(device, aim_, *trace) : InstallReport{};
    member.install = report.install;
    note_failure(member, report.reason);
}

void Population::note_failure(const Member& member, const std::string& reason) {
    if (member.install != Install::failed)
        failing_.erase(member.name);
    else if (failing_.size() < failing_max || failing_.contains(member.name))
        failing_[member.name] = reason.substr(0, 200);
}

bool Population::take(const Resource& device) {
    const auto at = find(device.name);
    const bool known = at != members_.end() && at->name == device.name;
    if (!belongs(device)) {
        // One that already got it stays ours, whatever its labels say now.
        if (!known || at->standing == Standing::untouched) return known && drop(device.name);
    }
    if (known && at->revision >= device.revision && device.revision > 0) return false;
    if (known) {
        const Member before = *at;
        write(*at, device);
        if (before.stratum != at->stratum) ordered_now_ = false;
        return before.standing != at->standing || before.install != at->install ||
               before.restarts != at->restarts || before.stratum != at->stratum ||
               before.wave != at->wave;
    }
    Member member;
    member.name = device.name;
    member.draw = lot_of(aim_.rollout, device.name);
    write(member, device);
    if (member.standing == Standing::unfit) return false;
    // Pages come in the order of names, so this is an append but for late comers.
    members_.insert(at, std::move(member));
    ordered_now_ = false;
    return true;
}

bool Population::drop(const std::string& name) {
    const auto at = find(name);
    if (at == members_.end() || at->name != name) return false;
    members_.erase(at);
    failing_.erase(name);
    ordered_now_ = false;
    return true;
}

// Agents count the starts of the last hour, so the number also falls: only rises are restarts. Who
// has never said a number is counted from when it first does.
bool Population::count_boots(Member& member, std::int64_t boots) {
    if (boots <= 0) return false;
    const std::int32_t before = member.boots_seen;
    member.boots_seen = static_cast<std::int32_t>(boots);
    if (before == 0 || boots <= before) return false;
    member.restarts += static_cast<std::int32_t>(boots) - before;
    return true;
}

bool Population::note_boots(const std::string& name, std::int64_t boots) {
    const auto at = find(name);
    if (at == members_.end() || at->name != name || at->standing != Standing::assigned)
        return false;
    at->speaks = true;
    return count_boots(*at, boots);
}

std::vector<Population::Member>::iterator Population::find(const std::string& name) {
    return std::lower_bound(members_.begin(), members_.end(), name,
                            [](const Member& m, const std::string& n) { return m.name < n; });
}

std::vector<Population::Member>::const_iterator Population::find(const std::string& name) const {
    return std::lower_bound(members_.begin(), members_.end(), name,
                            [](const Member& m, const std::string& n) { return m.name < n; });
}

// Every prefix of the order holds its share of each stratum: a device's place is its rank within
// its stratum over the stratum's size.
void Population::order() {
    if (ordered_now_) return;
    ordered_.resize(members_.size());
    std::iota(ordered_.begin(), ordered_.end(), 0u);
    const auto by_stratum = [this](std::uint32_t a, std::uint32_t b) {
        const Member &x = members_[a], &y = members_[b];
        return std::tie(x.stratum, x.draw, x.name) < std::tie(y.stratum, y.draw, y.name);
    };
    std::sort(ordered_.begin(), ordered_.end(), by_stratum);
    for (std::size_t from = 0; from < ordered_.size();) {
        std::size_t to = from;
        while (to < ordered_.size() &&
               members_[ordered_[to]].stratum == members_[ordered_[from]].stratum)
            ++to;
        for (std::size_t i = from; i < to; ++i)
            members_[ordered_[i]].place = (double(i - from) + 0.5) / double(to - from);
        from = to;
    }
    const auto by_place = [this](std::uint32_t a, std::uint32_t b) {
        const Member &x = members_[a], &y = members_[b];
        return std::tie(x.place, x.draw, x.name) < std::tie(y.place, y.draw, y.name);
    };
    std::sort(ordered_.begin(), ordered_.end(), by_place);
    ordered_now_ = true;
}

std::vector<std::string> Population::to_assign(std::uint64_t size, std::size_t most) {
    order();
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min<std::uint64_t>(size, ordered_.size()); ++i) {
        if (names.size() >= most) break;
        const Member& member = members_[ordered_[i]];
        if (member.standing == Standing::untouched) names.push_back(member.name);
    }
    return names;
}

std::vector<std::string> Population::to_withdraw(std::size_t most) const {
    std::vector<std::string> names;
    for (const Member& member : members_) {
        if (names.size() >= most) break;
        if (member.standing == Standing::assigned) names.push_back(member.name);
    }
    return names;
}

Counts Population::count(std::uint64_t size, std::int64_t wave, bool silence_fails,
                         std::optional<double> restarts_max) {
    order();
    Counts counts;
    counts.devices = members_.size();
    for (std::size_t i = 0; i < ordered_.size(); ++i) {
        const Member& m = members_[ordered_[i]];
        counts.there += m.standing == Standing::there;
        counts.left_alone += m.standing == Standing::changed;
        counts.to_assign += m.standing == Standing::untouched && i < size;
        if (m.standing != Standing::assigned) continue;
        const bool silent = m.install == Install::pending && (silence_fails || m.wave < wave);
        const bool failed = m.install == Install::failed || silent;
        const bool pending = m.install == Install::pending && !silent;
        ++counts.assigned;
        counts.applied += m.install == Install::applied;
        counts.failed += failed;
        counts.pending += pending;
        if (m.wave == wave) {
            ++counts.wave_devices;
            counts.wave_failed += failed;
            counts.wave_pending += pending;
        }
        counts.crashing += restarts_max && m.restarts > *restarts_max;
        if (m.restarts > counts.restarts_most) {
            counts.restarts_most = m.restarts;
            counts.restarts_where = m.name;
        }
    }
    return counts;
}

Population::Arm Population::arm_of(const std::string& name, std::int64_t wave) const {
    const auto at = find(name);
    if (at == members_.end() || at->name != name) return Arm::neither;
    if (at->standing == Standing::untouched) return Arm::control;
    return at->standing == Standing::assigned && at->wave == wave ? Arm::canary : Arm::neither;
}

std::string Population::stratum_of(const std::string& name) const {
    const auto at = find(name);
    return at == members_.end() || at->name != name ? "" : strata_[at->stratum];
}

std::uint64_t Population::arm_size(Arm arm, std::int64_t wave) const {
    std::uint64_t size = 0;
    for (const Member& m : members_)
        size += arm == Arm::control ? m.standing == Standing::untouched
                                    : m.standing == Standing::assigned && m.wave == wave;
    return size;
}

std::size_t Population::bytes() const {
    std::size_t total = members_.capacity() * sizeof(Member) + ordered_.capacity() * 4;
    for (const Member& m : members_)
        if (m.name.capacity() > 15) total += m.name.capacity() + 1;
    for (const auto& text : strata_) total += 2 * text.size() + 100;
    return total;
}

}  // namespace mw::rollouts
