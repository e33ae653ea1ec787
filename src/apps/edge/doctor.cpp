#include "apps/edge/doctor.h"

#include <cmath>

namespace mw::edge {
namespace {

constexpr double stale_s = 60, clock_offset_ms_max = 5000, disk_free_min = 64e6;

std::string whole(double number) {
    return std::to_string(static_cast<std::int64_t>(std::llround(number)));
}

Finding of_agent(const GatewayFacts& f) {
    if (!f.runs)
        return {Verdict::wrong, "agent: does not run",
                "start it: systemctl start millwright-edge, or millwright-edge run"};
    const auto at = find_integer(f.status, "health.at");
    if (!at) return {Verdict::worth_a_look, "agent: runs, and has said nothing yet", "ask again"};
    const double age = static_cast<double>((f.now - Timestamp{*at}).count()) / 1e9;
    if (age > stale_s)
        return {Verdict::wrong, "agent: runs, and said nothing for " + whole(age) + " s",
                "look at millwright-edge logs; its loop or its disk hangs"};
    return {Verdict::fine, "agent: runs", ""};
}

Finding of_certificate(const GatewayFacts& f) {
    const std::string days = "certificate: " + whole(f.certificate_days_left) + " days left";
    if (f.certificate_days_left <= 0)
        return {Verdict::wrong, "certificate: has ended",
                "let the agent reach the hub, or enroll again"};
    if (f.certificate_days_left < 3)
        return {Verdict::worth_a_look, days, "it renews itself once it reaches the hub"};
    return {Verdict::fine, days, ""};
}

Finding of_hub(const GatewayFacts& f) {
    if (!f.hub_answers)
        return {Verdict::wrong, "hub: " + f.hub + " does not answer",
                "look at the network and the firewall; points are kept meanwhile"};
    if (f.runs && find_bool(f.status, "connection.connected") == false)
        return {Verdict::wrong, "hub: answers, and the agent has no session",
                find_string(f.status, "connection.last_error").value_or("look at its logs")};
    return {Verdict::fine, "hub: answers", ""};
}

Finding of_disk(const GatewayFacts& f) {
    const std::string free = "disk: " + whole(f.disk_free_bytes / 1e6) + " MB free";
    if (f.disk_free_bytes < disk_free_min)
        return {Verdict::wrong, free, "free some; points are dropped when it is full"};
    return {Verdict::fine, free, ""};
}

Finding of_outbox(const GatewayFacts& f) {
    const auto dropped = find_integer(f.status, "health.outbox.dropped").value_or(0);
    const auto unsent = find_integer(f.status, "health.outbox.unsent").value_or(0);
    std::string what = "outbox: " + std::to_string(unsent) + " messages wait";
    if (dropped == 0) return {Verdict::fine, what, ""};
    what += ", " + std::to_string(dropped) + " were dropped";
    return {Verdict::worth_a_look, what, "give it more disk: run --outbox-bytes"};
}

Finding of_clock(const GatewayFacts& f) {
    const double offset = find_number(f.status, "health.clock_offset_ms").value_or(0);
    const std::string what = "clock: " + whole(offset) + " ms from the hub's";
    if (std::abs(offset) > clock_offset_ms_max)
        return {Verdict::worth_a_look, what, "set up NTP; points have the times of this clock"};
    return {Verdict::fine, what, ""};
}

void add_entries(const GatewayFacts& f, const char* kind, std::vector<Finding>& findings) {
    const Json* entries = find(f.status, std::string("reported.") + kind);
    if (!entries || !entries->is_object()) return;
    for (const auto& [name, entry] : entries->get_object()) {
        const std::string state = find_string(entry, "state").value_or("?");
        const std::string what = std::string(kind) + " " + std::string(name) + ": " + state;
        const auto refusal = find_string(entry, "refusal");
        if (state == "failed")
            findings.push_back({Verdict::wrong, what,
                                find_string(entry, "reason").value_or("look at its description")});
        else if (find_string(entry, "running") == "starting")
            findings.push_back({Verdict::worth_a_look, what + ", and has not come up",
                                refusal.value_or("look at what it reads from")});
        else
            findings.push_back({Verdict::fine, what, ""});
    }
}

void add_troubled_models(const GatewayFacts& f, std::vector<Finding>& findings) {
    const Json* models = find(f.status, "health.models");
    if (!models || !models->is_object()) return;
    for (const auto& [name, model] : models->get_object()) {
        const std::string trouble = find_string(model, "trouble").value_or("");
        if (!trouble.empty())
            findings.push_back(
                {Verdict::worth_a_look,
                 "model " + std::string(name) + ": is not asked, its fallback decides", trouble});
    }
}

}  // namespace

std::vector<Finding> examine(const GatewayFacts& facts) {
    std::vector<Finding> findings = {of_agent(facts), of_certificate(facts), of_hub(facts),
                                     of_disk(facts)};
    if (facts.status.is_null()) return findings;
    findings.push_back(of_outbox(facts));
    findings.push_back(of_clock(facts));
    for (const char* kind : {"sources", "models", "firmware"}) add_entries(facts, kind, findings);
    add_troubled_models(facts, findings);
    return findings;
}

}  // namespace mw::edge
