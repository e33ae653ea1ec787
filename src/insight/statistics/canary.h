#pragma once
// Are the devices with the new version worse off than the rest? The unit is the device, never its
// minutes: minutes of one device resemble each other, and pooling them calls nearly every harmless
// version worse. Compared is the change from before to after, adjusted by what was there before
// (CUPED), within strata. Callers orient the metric: a rise is worse.
//
// One decision per wave: either judge_look() at each planned look, the last one (look == looks)
// being final, or judge_final() alone. Up to some 100,000 devices in well under a second.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mw::statistics {

// One device: its mean before and after. Devices are compared within their stratum only; a stratum
// without canary or without control says nothing and is left out.
struct Unit {
    std::string stratum;
    double pre = 0;
    double post = 0;
};

struct CanaryOptions {
    double alpha = .05;            // chance to call a harmless version worse, over all looks
    int looks = 5;                 // planned, evenly spaced in time
    double margin = 0;             // a rise up to this is harmless
    double min_power_effect = .8;  // in device standard deviations: what has to be visible
    bool both_ways = false;        // a fall is as bad as a rise
    std::uint64_t seed = 1;
    int permutations = 9'999;  // drawn when all arrangements are too many
};

enum class CanaryVerdict {
    harmless,      // nothing seen, and min_power_effect would have been
    worse,         // more than margin, at this look's share of alpha
    inconclusive,  // nothing seen, but too few devices to say more
};

struct CanaryReading {
    double effect = 0;     // change of the canaries minus change of the controls
    double effect_sd = 0;  // the same in device standard deviations
    double low = 0;        // effect, 1 - 2 alpha interval (both_ways: 1 - alpha) without looks
    double high = 0;
    double p_value = 1;        // of this look alone
    double p_limit = 0;        // worse at or below it
    double e_value = 1;        // anytime-valid: at 1/alpha or more roll back at once, looks or not
    double power = 0;          // chance that this look had found min_power_effect
    std::size_t canaries = 0;  // that could be compared
    std::size_t controls = 0;
    CanaryVerdict verdict = CanaryVerdict::inconclusive;
    std::string says;  // a sentence with these figures
};

// Look `look` of 1..looks, against the O'Brien-Fleming boundary.
CanaryReading judge_look(std::span<const Unit> canary, std::span<const Unit> control, int look,
                         const CanaryOptions& options);

// The only look there is, at full alpha.
CanaryReading judge_final(std::span<const Unit> canary, std::span<const Unit> control,
                          const CanaryOptions& options);

// Chance of a split at least this uneven when each device had `expected_canary_share` of becoming
// a canary. Below .001 the assignment is broken and no verdict means anything.
double sample_ratio_p(std::size_t canary, std::size_t control, double expected_canary_share);

std::string_view to_string(CanaryVerdict verdict);

}  // namespace mw::statistics
