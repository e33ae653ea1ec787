#pragma once
// What a Rollout's spec asks for, checked. Pure.

#include <optional>
#include <string>
#include <vector>

#include "domain/resource.h"
#include "domain/selector.h"
#include "fleet/rollouts/aim.h"

namespace mw::rollouts {

enum class Mode { replace, ab, shadow };
std::string_view to_string(Mode mode);

enum class Metric {
    install_failures,
    crash_loop,
    latency_us_p99,
    fallback_rate,
    decision_rate,
    input_bad_rate,
    kpi,
};
std::string_view to_string(Metric metric);
// Known from devices' reports alone, so watched all the time; the others are asked of history.
inline bool is_immediate(Metric m) {
    return m == Metric::install_failures || m == Metric::crash_loop;
}

struct Guardrail {
    Metric metric = Metric::install_failures;
    std::string kpi{};
    std::optional<double> max{};       // of a device (or the share of the wave): at once
    std::optional<double> worse_by{};  // canary minus control, post minus pre
};
std::string name_of(const Guardrail& guardrail);  // "kpi energy", "fallback_rate"

struct Wave {
    std::uint64_t count = 0;  // 0: by percent
    double percent = 0;
    nanoseconds soak = hours{1};
};

struct Plan {
    Aim aim;
    Mode mode = Mode::replace;
    std::string use_case;
    std::string selector_text;
    Selector selector;
    std::vector<Wave> waves;
    std::vector<std::string> stratify_by;
    std::vector<std::string> device_classes;  // of a firmware; empty: all
    std::vector<Guardrail> guardrails;
    std::vector<std::string> approval;
    nanoseconds pre_period = hours{1};
    nanoseconds install_within = minutes{10};
    int looks = 5;
    double alpha = 0.05;
    double min_power_effect = 0.8;
    bool proceed_when_unclear = false;
    bool paused = false;
    bool abort = false;
    std::int64_t resume_count = 0;

    // Devices that want the version once wave `number` (from 1) is out, of `population`.
    std::uint64_t size_of_wave(std::size_t number, std::uint64_t population) const;
};

// `artifact`: the ModelVersion or Firmware that the spec names. Errors name the path in the spec.
Result<Plan> plan_of(const Resource& rollout, const Resource& artifact);

}  // namespace mw::rollouts
