#include "insight/drift/fleet.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "insight/statistics/statistics.h"

namespace mw::drift {
namespace {

double entropy(const std::vector<double>& shares) {
    double sum = 0;
    for (const double share : shares)
        if (share > 0) sum -= share * std::log(share);
    return sum;
}

// Counts with the widening of each column, added up device by device: dependence is a device's own.
struct Sum {
    BinCounts counts;
    std::vector<std::vector<std::pair<double, Widening>>> widenings;  // by column
    std::size_t devices = 0;

    Result<> add(const BinCounts& device, const BinCounts& reference) {
        TRY_VOID(counts.merge(device));
        widenings.resize(device.columns.size());
        for (std::size_t c = 0; c < device.columns.size(); ++c)
            widenings[c].emplace_back(static_cast<double>(device.columns[c].n()),
                                      widening_of(device.columns[c], reference.columns[c]));
        ++devices;
        return {};
    }
    std::vector<Shift> against(const BinCounts& other, const ShiftOptions& options) const {
        ShiftOptions each = options;
        each.alpha /= static_cast<double>(std::max<std::size_t>(1, counts.columns.size()));
        std::vector<Shift> shifts;
        for (std::size_t c = 0; c < counts.columns.size(); ++c) {
            const Column& column = counts.columns[c];
            const Widening widening = mean_of(widenings[c], column.bins.size());
            shifts.push_back(judge(other.columns[c], column, widening, each));
        }
        return shifts;
    }
};

bool any_drifts(const std::vector<Shift>& shifts) {
    return std::any_of(shifts.begin(), shifts.end(), [](const Shift& s) { return s.drifts; });
}

// The chance that the worst of a device's columns is that far by chance.
double p_of(const std::vector<Shift>& shifts, const ShiftOptions& options) {
    double least = 1;
    for (const Shift& shift : shifts)
        if (shift.psi >= options.psi_min && shift.n_effective >= options.effective_min)
            least = std::min(least, shift.p_value);
    return std::min(1.0, least * static_cast<double>(shifts.size()));
}

std::vector<Contributor> contributors_of(const FleetReading& reading,
                                         const std::vector<std::string>& names) {
    std::vector<Contributor> all;
    for (std::size_t c = 0; c < names.size(); ++c) {
        Contributor one{names[c], 0, 0, 0, ""};
        const auto offer = [&](const Shift& shift, const std::string& stratum) {
            if (shift.psi > one.psi) one = {names[c], shift.psi, shift.psi_limit, 0, stratum};
        };
        for (const auto& stratum : reading.strata)
            if (!stratum.columns.empty()) offer(stratum.columns[c], stratum.stratum);
        if (one.psi == 0) offer(reading.mixture[c], "");
        all.push_back(std::move(one));
    }
    double sum = 0;
    for (const auto& one : all) sum += one.psi;
    for (auto& one : all) one.share = sum > 0 ? one.psi / sum : 0;
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.psi > b.psi; });
    return all;
}

void split(FleetReading& reading, const std::vector<std::string>& names) {
    if (reading.contributors.empty()) return;
    const auto at = std::find(names.begin(), names.end(), reading.contributors.front().column);
    const auto c = static_cast<std::size_t>(at - names.begin());
    std::vector<const Column*> groups;
    double weight = 0;
    for (const auto& stratum : reading.strata) {
        groups.push_back(&stratum.counts.columns[c]);
        if (stratum.columns.empty()) continue;
        reading.within += stratum.columns[c].psi * stratum.columns[c].n;
        weight += stratum.columns[c].n;
    }
    if (weight > 0) reading.within /= weight;
    reading.between = generalised_jensen_shannon(groups);
}

}  // namespace

const Shift& StratumReading::worst() const {
    static const Shift nothing;
    const Shift* found = &nothing;
    for (const Shift& shift : columns)
        if (shift.drifts > found->drifts ||
            (shift.drifts == found->drifts && shift.psi > found->psi))
            found = &shift;
    return *found;
}

std::vector<std::string> column_names(const pipeline::Reference& reference) {
    std::vector<std::string> names;
    for (const auto& feature : reference.features) names.push_back(feature.name);
    names.emplace_back("score");
    return names;
}

double generalised_jensen_shannon(const std::vector<const Column*>& groups) {
    double all = 0, mean = 0;
    for (const Column* group : groups) all += static_cast<double>(group->n());
    if (all == 0) return 0;
    std::vector<double> mixture(groups.front()->bins.size());
    for (const Column* group : groups) {
        const auto n = static_cast<double>(group->n());
        if (n == 0) continue;
        std::vector<double> shares;
        for (std::size_t i = 0; i < mixture.size(); ++i) {
            shares.push_back(static_cast<double>(group->bins[i]) / n);
            mixture[i] += static_cast<double>(group->bins[i]) / all;
        }
        mean += n / all * entropy(shares);
    }
    return std::max(0.0, entropy(mixture) - mean);
}

Result<FleetReading> read_fleet(const pipeline::Reference& reference,
                                const std::vector<DeviceCounts>& devices,
                                const Baselines& baselines, const FleetOptions& options) {
    const BinCounts trained = counts_of(reference);
    const auto names = column_names(reference);
    std::map<std::string, Sum> strata;
    Sum all;
    for (const DeviceCounts& device : devices) {
        BinCounts fits = trained;
        TRY_VOID(fits.merge(device.counts).context("device '" + device.device + "'"));
        if (device.counts.empty()) continue;
        TRY_VOID(strata[device.stratum].add(device.counts, trained));
        TRY_VOID(all.add(device.counts, trained));
    }
    FleetReading reading;
    if (all.devices == 0) return reading;
    const bool commissioned = std::any_of(strata.begin(), strata.end(), [&](const auto& entry) {
        return baselines.contains(entry.first);
    });
    const bool alone = strata.size() == 1;
    const auto other_of = [&](const std::string& stratum) -> const BinCounts* {
        if (alone) return &trained;
        const auto own = baselines.find(stratum);
        return own != baselines.end() ? &own->second : nullptr;
    };
    reading.mixture = all.against(trained, options.shift);
    reading.drifts = !alone && !commissioned && any_drifts(reading.mixture);
    for (const auto& [name, sum] : strata) {
        const BinCounts* other = other_of(name);
        StratumReading one{name, sum.devices, sum.counts, {}, !alone && other != nullptr, false};
        if (other) one.columns = sum.against(*other, options.shift);
        one.drifts = any_drifts(one.columns);
        reading.drifts = reading.drifts || one.drifts;
        reading.strata.push_back(std::move(one));
    }
    std::vector<double> p_values;
    std::vector<std::string> judged;
    for (const DeviceCounts& device : devices) {
        if (device.counts.empty()) continue;
        Sum single;
        TRY_VOID(single.add(device.counts, trained));
        const BinCounts* other = other_of(device.stratum);
        const auto shifts = single.against(other ? *other : trained, options.shift);
        p_values.push_back(p_of(shifts, options.shift));
        judged.push_back(device.device);
    }
    reading.devices = judged.size();
    const auto adjusted = statistics::false_discovery_p(p_values);
    for (std::size_t i = 0; i < judged.size(); ++i)
        if (adjusted[i] <= options.device_fdr) reading.drifting.push_back(judged[i]);
    reading.contributors = contributors_of(reading, names);
    split(reading, names);
    return reading;
}

}  // namespace mw::drift
