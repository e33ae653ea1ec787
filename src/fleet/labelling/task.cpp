#include "fleet/labelling/task.h"

#include "platform/crypto/crypto.h"

namespace mw::labelling {
namespace {

constexpr Transition rows[] = {
    {"open", "answer", "answered", "A person said whether it was an event; the label log has it"},
    {"open", "skip", "skipped", "A person could not tell"},
    {"open", "expire", "expired", "Nobody answered in time"},
    {"answered", "answer", "answered", "A correction: the newer answer counts"},
    {"answered", "adjudicate", "answered",
     "A disagreement was settled by somebody of another role"},
    {"skipped", "answer", "answered", "Somebody could tell after all"},
    {"expired", "answer", "answered", "A late answer counts all the same"},
};
constexpr StateTable table("LabelTask", rows);
constexpr std::size_t name_bytes = 10;

std::string window_name(const std::string& device, const std::string& model, Timestamp from,
                        Timestamp to) {
    const std::string key =
        device + '\0' + model + '\0' + std::to_string(from.ns) + '\0' + std::to_string(to.ns);
    const auto digest = crypto::sha256(bytes_of(key));
    return "label-" + to_hex(ByteView(digest).first(name_bytes));
}

}  // namespace

const StateTable& task_table() { return table; }

std::string task_name(const Decision& decision) {
    return window_name(decision.device.text, decision.model, decision.window_from,
                       decision.window_to);
}

std::string task_name(const labels::Label& label) {
    return window_name(label.device, label.model, label.window_from, label.window_to);
}

Resource task_of(const Monitor& monitor, const Decision& decision, const Choice& choice) {
    Resource task;
    task.kind = "LabelTask";
    task.name = task_name(decision);
    task.domain = monitor.domain;
    task.status = JsonObject{{"state", table.initial()}};  // so that lists can select it
    task.spec = JsonObject{{"use_case", monitor.use_case},
                           {"monitor", monitor.name},
                           {"device", decision.device.text},
                           {"asset", decision.asset},
                           {"model", decision.model},
                           {"version", decision.version},
                           {"from", to_iso8601(decision.window_from)},
                           {"to", to_iso8601(decision.window_to)},
                           {"score", decision.score},
                           {"decision", decision.decision},
                           {"why", choice.why},
                           {"propensity", choice.propensity}};
    return task;
}

Result<labels::Label> label_of(const Resource& task, bool event, std::string author,
                               Timestamp now) {
    const auto text = [&](std::string_view key) {
        return find_string(task.spec, key).value_or("");
    };
    labels::Label label;
    label.task = task.name;
    label.device = text("device");
    label.asset = text("asset");
    label.use_case = text("use_case");
    label.model = text("model");
    label.version = text("version");
    TRY(label.window_from, parse_iso8601(text("from")).context("spec.from"));
    TRY(label.window_to, parse_iso8601(text("to")).context("spec.to"));
    label.score = find_number(task.spec, "score").value_or(0);
    label.decision = find_bool(task.spec, "decision").value_or(false);
    label.label = event;
    label.why = text("why");
    label.propensity = find_number(task.spec, "propensity").value_or(1);
    label.author = std::move(author);
    label.source = "api";
    label.labelled_at = now;
    TRY_VOID(labels::check(label));
    return label;
}

}  // namespace mw::labelling
