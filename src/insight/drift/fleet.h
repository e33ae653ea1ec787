#pragma once
// What the counts of many devices say together. Devices are summed by stratum (a site, a hardware
// revision), never only over all: when more of one kind report, the mix has changed and nothing has
// drifted. Pure functions.

#include <map>
#include <string>
#include <vector>

#include "insight/drift/shift.h"

namespace mw::drift {

struct DeviceCounts {
    std::string device;
    std::string stratum;
    BinCounts counts;
};

struct FleetOptions {
    ShiftOptions shift;       // alpha: of one stratum, over all its columns
    double device_fdr = .05;  // false discovery rate among the devices that are said to drift
};

struct StratumReading {
    std::string stratum;
    std::size_t devices = 0;
    BinCounts counts;            // merged
    std::vector<Shift> columns;  // features, then the score
    bool own_baseline = false;   // compared with its own baseline, not with the bundle's reference
    bool drifts = false;
    const Shift& worst()
        const;  // the column with the largest PSI among those that drift, or of all
};

struct Contributor {
    std::string column;
    double psi = 0;        // the largest of the strata
    double psi_limit = 0;  // of that stratum
    double share = 0;      // of the sum over columns
    std::string stratum;
};

struct FleetReading {
    std::vector<StratumReading> strata;
    std::vector<Shift> mixture;  // all strata together against the bundle's reference
    std::size_t devices = 0;
    std::vector<std::string> drifting;      // devices, by false discovery rate
    std::vector<Contributor> contributors;  // the largest first
    double within = 0;                      // of the first contributor: mean PSI of the strata
    double between = 0;  // and what its strata differ among themselves (generalised JS, nats)
    bool drifts = false;

    double breadth() const {
        return devices == 0 ? 0
                            : static_cast<double>(drifting.size()) / static_cast<double>(devices);
    }
};

// Merged counts by stratum, with a baseline each, when several strata were commissioned.
using Baselines = std::map<std::string, BinCounts>;

// A single stratum is compared with the reference. Several are compared with their own baselines;
// one that has none yet is not judged. While none has one, all together are compared with the
// reference, as the training data are a mix too. invalid_input: counts with other bins than the
// reference.
Result<FleetReading> read_fleet(const pipeline::Reference& reference,
                                const std::vector<DeviceCounts>& devices,
                                const Baselines& baselines, const FleetOptions& options);

// Names of the columns: the features', then "score".
std::vector<std::string> column_names(const pipeline::Reference& reference);

// How far groups differ among themselves: entropy of their mixture minus their mean entropy.
double generalised_jensen_shannon(const std::vector<const Column*>& groups);

}  // namespace mw::drift
