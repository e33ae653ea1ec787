#pragma once
// What the API needs from parts that it may not know by name, or that are optional. All belong to
// the control loop; apps/hub adapts fleet/onboarding and insight/alerts to them.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "platform/loop/loop.h"
#include "trust/policy/policy.h"

namespace mw::api {

// How new devices get into a group: tokens, and a person's word where the group wants it.
class EnrollmentTokens {
 public:
    virtual ~EnrollmentTokens() = default;
    struct Order {
        std::string group;
        std::string actor;                      // "user:ada", for the fact that it leaves
        std::uint64_t uses = 0;                 // 0: as many as the group allows
        nanoseconds lifetime = nanoseconds{0};  // 0: the default
    };
    struct Issued {
        std::string token;  // shown once
        Timestamp expires;  // ns 0: with the group
        std::uint64_t uses = 0;
    };
    // not_found: no such group; invalid_input: it is expired or used up (the message says which).
    virtual Task<Issued> issue(Order order) = 0;
    // Devices that wait for a person: objects with at least device, group, key, from, since,
    // expires, state.
    virtual JsonArray waiting() const = 0;
    // The request as it is then. not_found: nobody waits by that name; conflict: decided already.
    virtual Task<Json> decide(std::string device, bool approve, std::string actor) = 0;
    // What a person says about a device's life: quarantine, release, suspend, resume, retire,
    // readmit, transfer (to the group `other`), replace (by the device `other`).
    struct Move {
        std::string device, event, why, actor, other;
    };
    // The state that it is in then. not_found; invalid_input; conflict: not from its state.
    virtual Task<std::string> move(Move move) = 0;
};

// Alarms as the live page and the command line show them. An alarm is a JSON object with at least
// id, state, severity, device, model and a time; the API passes it through.
class AlarmDirectory {
 public:
    virtual ~AlarmDirectory() = default;
    // Newest first; state "" is all of them.
    virtual Task<JsonArray> list(std::string state, std::size_t limit) = 0;
    // The chain that led to it: window, features, model, dataset, rule. not_found.
    virtual Task<Json> why(std::string id) = 0;
    // Called on the control loop with each alarm that is raised, changed or cleared.
    using Listener = std::function<void(const Json& alarm)>;
    virtual std::shared_ptr<void> subscribe(Listener listener) = 0;
};

// The use cases as a portfolio; business/usecases and business/kpi answer.
class Portfolio {
 public:
    virtual ~Portfolio() = default;
    // Best first: objects with at least name, domain, stage, expected_value, readiness, says.
    virtual Task<JsonArray> rank() = 0;
    // What its stage needs before it is left, row by row. not_found.
    virtual Task<Json> review(std::string use_case) = 0;
    // Computes its KPIs now instead of on schedule; status has them afterwards. not_found.
    virtual Task<> compute(std::string use_case) = 0;
};

// Answers to label tasks (fleet/labelling).
class LabelDesk {
 public:
    virtual ~LabelDesk() = default;
    // The task as it is then. invalid_input: not {"label": true, false or "skip"}; conflict: it is
    // not open to that.
    virtual Task<Json> answer(std::string task, Json body, std::string author) = 0;
    // {"label","why"} settles a disagreement: the task then. conflict: there is none; denied: by
    // this person it can't be.
    virtual Task<Json> adjudicate(std::string task, Json body, policy::Principal who) = 0;
    // How far people agree, per task and pair of authors; "" is all of them.
    virtual JsonArray agreement(const std::string& use_case, const std::string& model) = 0;
};

// Points in quarantine, and what is decided about them (data/quarantine).
class QuarantineDesk {
 public:
    virtual ~QuarantineDesk() = default;
    // {"verb","device","signal","from","to","why"}: the record, durable. invalid_input names the
    // key.
    virtual Task<Json> decide(Json body, std::string actor) = 0;
    // Newest first; device "" is all of them.
    virtual JsonArray decisions(const std::string& device, std::size_t limit) = 0;
};

// Where data came from and where it went (fleet/lineage).
class LineageDesk {
 public:
    virtual ~LineageDesk() = default;
    struct Question {
        std::string kind, name;  // "device", "gw-1"; a series is DEVICE:SIGNAL
        bool down = true;        // towards those who use it; else towards its sources
        std::size_t limit = 200;
        // What the caller may not see is left out and counted.
        std::function<bool(const Resource&)> may_see;
    };
    // A tree: {"kind","name","children":[...],"more","hidden"}. not_found.
    virtual Task<Json> trace(Question question) = 0;
};

// How good data products are, day by day (data/scorecards).
class ScorecardDesk {
 public:
    virtual ~ScorecardDesk() = default;
    // {"product","days":[...],"breaches":[...]}, newest day first. not_found.
    virtual Task<Json> scorecard(std::string product, int days) = 0;
};

// Gates of model versions (fleet/gates).
class GateRunner {
 public:
    virtual ~GateRunner() = default;
    // {"report","version"}: the report with that name comes when everything is measured.
    virtual Task<Json> run(std::string gate, std::string version, std::string actor) = 0;
    virtual Task<Json> retire(std::string version, std::string reason, std::string actor) = 0;
};

// Monitors of models in operation (fleet/monitors).
class MonitorDesk {
 public:
    virtual ~MonitorDesk() = default;
    // A person has seen its alert: the Monitor as it is then. conflict: there is none to see.
    virtual Task<Json> acknowledge(std::string monitor, std::string actor) = 0;
};

using policy::AdmissionRequest;
using policy::Admit;
using Admission = std::map<std::string, Admit>;  // by kind

}  // namespace mw::api
